import { beforeEach, describe, expect, it } from 'vitest';
import { defaultSpec } from '../../core/spec';
import { commitSpec, previewSpec, redoSpec, resetSpec, specStore, undoSpec } from './specStore';

const at = (beta: number) => ({ ...defaultSpec(), beta });
const beta = () => specStore.getState().spec.beta;

beforeEach(() => resetSpec(defaultSpec()));

describe('specStore', () => {
  it('makes one step of history out of a whole drag', () => {
    [0.001, 0.002, 0.003].forEach((b) => previewSpec(at(b)));
    expect(beta()).toBe(0.003);
    expect(specStore.getState().past).toHaveLength(0);
    expect(commitSpec()).toBe(true);
    expect(specStore.getState().past.map((spec) => spec.beta)).toEqual([0]);
  });

  it('notices a drag that comes back to where it began', () => {
    previewSpec(at(0.01));
    previewSpec(at(0));
    expect(commitSpec()).toBe(false);
    expect(undoSpec()).toBe(false);
  });

  it('undoes and redoes, and forgets the future on a new change', () => {
    commitSpec(at(0.01));
    commitSpec(at(0.02));
    expect(undoSpec() && undoSpec()).toBe(true);
    expect(beta()).toBe(0);
    expect(undoSpec()).toBe(false);
    expect(redoSpec()).toBe(true);
    expect(beta()).toBe(0.01);
    commitSpec(at(0.03));
    expect(redoSpec()).toBe(false);
    expect(specStore.getState().past.map((spec) => spec.beta)).toEqual([0, 0.01]);
  });
});
