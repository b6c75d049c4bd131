/** The environment itself: a device can be had here, and what a shader writes can be read. */
import { afterAll, describe, expect, it } from 'vitest';
import { testGpu } from './setupGpu';

const SHADER = `
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3u) {
  values[id.x] = values[id.x] * 3u + id.x;
}`;

describe('the GPU of this environment', () => {
  const opened: GPUDevice[] = [];
  afterAll(() => {
    for (const device of opened) device.destroy();
  });

  async function open(): Promise<GPUDevice> {
    const adapter = await testGpu().requestAdapter();
    if (!adapter) throw new Error('No adapter.');
    const device = await adapter.requestDevice();
    opened.push(device);
    return device;
  }

  it('runs a compute shader and gives its result back', async () => {
    const device = await open();
    const size = 16;
    const buffer = device.createBuffer({
      size,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(buffer, 0, new Uint32Array([1, 10, 100, 1000]));
    const module = device.createShaderModule({ code: SHADER });
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer } }],
    });
    const result = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(buffer, 0, result, 0, size);
    device.queue.submit([encoder.finish()]);
    await result.mapAsync(GPUMapMode.READ);
    expect([...new Uint32Array(result.getMappedRange())]).toEqual([3, 31, 302, 3003]);
  });

  it('reports a validation error to the scope that waits for it', async () => {
    const device = await open();
    device.pushErrorScope('validation');
    device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
    expect(await device.popErrorScope()).not.toBeNull();
  });

  it('tells when a device is lost', async () => {
    const device = await open();
    device.destroy();
    expect((await device.lost).reason).toBe('destroyed');
  });
});
