/** Products for hardware, beside the ones that are always at hand: loaded where one is first used. */
import shared from '../../shaders/lib/matmul.wgsl?raw';
import half from '../../shaders/matmulHalf.wgsl?raw';
import subgroup from '../../shaders/matmulSubgroup.wgsl?raw';
import tile128x64 from '../../shaders/matmulTile128x64.wgsl?raw';
import tile32x32 from '../../shaders/matmulTile32x32.wgsl?raw';
import tile64x64 from '../../shaders/matmulTile64x64.wgsl?raw';
import tiled from '../../shaders/matmulTiled.wgsl?raw';
import { perDtype } from './weightLibs';

export const hardwareMatmuls = {
  tiled: perDtype('matmul.tiled', shared, tiled),
  tile128x64: perDtype('matmul.tile128x64', shared, tile128x64),
  tile64x64: perDtype('matmul.tile64x64', shared, tile64x64),
  tile32x32: perDtype('matmul.tile32x32', shared, tile32x32),
  subgroup: perDtype('matmul.subgroup', shared, subgroup),
  half: { F16: perDtype('matmul.half', shared, half).F16 },
};
