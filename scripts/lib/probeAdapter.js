// @ts-check
// Started by vulkan.js: prints the adapter that Dawn offers in this environment as JSON; exit code 1 where none.
import { create } from 'webgpu';

const gpu = create([]);
const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
if (adapter) {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const text = [vendor, architecture, device, description].filter(Boolean).join(' ');
  const software = isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render|software/i.test(text);
  console.log(JSON.stringify({ software, description: text }));
}
process.exit(adapter ? 0 : 1);
