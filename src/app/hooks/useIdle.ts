import { useEffect, useState } from 'react';
import { useRun } from './useLab';

/** Longer than the gap between one job and the next. */
const GAP_MS = 700;

/** True once the lab is open and no job has run for a moment, while `when` holds. */
export function useIdle(when: boolean): boolean {
  const quiet = useRun(({ phase, jobs }) => phase === 'ready' && jobs.length === 0) && when;
  const [idle, setIdle] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setIdle(quiet), quiet ? GAP_MS : 0);
    return () => clearTimeout(timer);
  }, [quiet]);
  return idle && quiet;
}
