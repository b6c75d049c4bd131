/** Attention in one kernel, for hardware: loaded where it is first used. */
import { defineKernel } from '../gpu/kernel';
import flash from '../../shaders/attentionFlash.wgsl?raw';
import shared from '../../shaders/lib/attention.wgsl?raw';
import softcap from '../../shaders/lib/softcap.wgsl?raw';

export const flashKernel = defineKernel('attention.flash', softcap, shared, flash);
