/** Every kernel of the lab, for the compile test, the self-test and the bench. A new op adds its line here. */
import type { Kernel } from '../gpu/kernel';
import { accumulateKernel } from './accumulate';
import { activateKernels } from './activate';
import { activateBackwardKernels } from './activateBackward';
import { addPositionsKernels } from './addPositions';
import { applyMaskKernel } from './applyMask';
import { attentionKernels } from './attention';
import { attentionBackwardKernels } from './attentionBackward';
import { flashKernel } from './attentionFlash';
import { columnEnergyKernels } from './columnEnergy';
import { columnMomentsKernel } from './columnMoments';
import { copyKernel } from './copy';
import { countZerosKernel } from './countZeros';
import { embedKernels } from './embed';
import { errorSumsKernel } from './errorSums';
import { gramTransposeKernel } from './gram';
import { headCompareKernels } from './headCompare';
import { headLossKernels } from './headLoss';
import { headGradientKernel } from './headLossBackward';
import { layerNormKernels } from './layerNorm';
import { hardwareMatmuls } from './matmulHardware';
import { ownMatmuls } from './matmulVariants';
import { matvecKernels } from './matvec';
import { mergeColumnsKernel } from './mergeColumns';
import { normBackwardKernels } from './normBackward';
import { packedKernels } from './packedMatvec';
import { peakFmaKernel } from './peakFma';
import { rmsNormKernels } from './rmsNorm';
import { ropeKernel } from './rope';
import { rowMarginKernel } from './rowMargin';
import {
  maskFromRanksKernel,
  rankRowsKernel,
  selectGroupsKernel,
  selectMatrixKernels,
  selectRowsKernels,
} from './select';
import { softcapKernel } from './softcap';
import { splitColumnsKernel } from './splitColumns';
import { transposeKernels } from './transpose';

export interface OpEntry {
  /** File name in src/ops. */
  name: string;
  /** All variants; each kernel's own name says which. */
  kernels: readonly Kernel[];
}

const all = (...groups: Record<string, Kernel>[]): Kernel[] =>
  groups.flatMap((group) => Object.values(group));

export const OPS: readonly OpEntry[] = [
  { name: 'embed', kernels: all(embedKernels) },
  { name: 'addPositions', kernels: all(addPositionsKernels) },
  { name: 'rmsNorm', kernels: all(rmsNormKernels) },
  { name: 'layerNorm', kernels: all(layerNormKernels) },
  { name: 'matmul', kernels: all(...ownMatmuls, ...Object.values(hardwareMatmuls)) },
  { name: 'matvec', kernels: all(...Object.values(matvecKernels)) },
  { name: 'packedMatvec', kernels: packedKernels },
  { name: 'copy', kernels: [copyKernel] },
  { name: 'peakFma', kernels: [peakFmaKernel] },
  { name: 'splitColumns', kernels: [splitColumnsKernel] },
  { name: 'rope', kernels: [ropeKernel] },
  { name: 'attention', kernels: [...all(attentionKernels), flashKernel] },
  { name: 'activate', kernels: all(activateKernels) },
  { name: 'softcap', kernels: [softcapKernel] },
  { name: 'headLoss', kernels: all(headLossKernels) },
  { name: 'headCompare', kernels: all(headCompareKernels) },
  { name: 'columnEnergy', kernels: all(columnEnergyKernels) },
  { name: 'columnMoments', kernels: [columnMomentsKernel] },
  // Its products are matmul's.
  { name: 'gram', kernels: [gramTransposeKernel] },
  {
    name: 'select',
    kernels: [
      ...all(selectRowsKernels, selectMatrixKernels),
      selectGroupsKernel,
      maskFromRanksKernel,
      rankRowsKernel,
    ],
  },
  { name: 'applyMask', kernels: [applyMaskKernel] },
  { name: 'errorSums', kernels: [errorSumsKernel] },
  { name: 'countZeros', kernels: [countZerosKernel] },
  { name: 'rowMargin', kernels: [rowMarginKernel] },
  { name: 'transpose', kernels: all(transposeKernels) },
  { name: 'accumulate', kernels: [accumulateKernel] },
  { name: 'mergeColumns', kernels: [mergeColumnsKernel] },
  { name: 'normBackward', kernels: all(normBackwardKernels) },
  { name: 'activateBackward', kernels: all(activateBackwardKernels) },
  { name: 'attentionBackward', kernels: all(attentionBackwardKernels) },
  { name: 'headLossBackward', kernels: [headGradientKernel] },
];
