import { useEffect, useState } from 'react';

/** False until the first frame has been painted: heavy parts wait for it. */
export function useAfterFirstFrame(): boolean {
  const [painted, setPainted] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setPainted(true), 60);
    const frame = requestAnimationFrame(() => setTimeout(() => setPainted(true), 0));
    return () => {
      clearTimeout(timer);
      cancelAnimationFrame(frame);
    };
  }, []);
  return painted;
}
