/** Access to the lab's actions and stores from components. */
import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { Lab } from '../lab/lab';
import { runStore, type RunState } from '../stores/runStore';
import { specStore, type SpecState } from '../stores/specStore';
import { uiStore, type UiState } from '../stores/uiStore';

export const LabContext = createContext<Lab | null>(null);

export function useLab(): Lab {
  const lab = useContext(LabContext);
  if (!lab) throw new Error('useLab outside of LabContext');
  return lab;
}

export const useSpec = <T>(select: (state: SpecState) => T): T => useStore(specStore, select);
export const useRun = <T>(select: (state: RunState) => T): T => useStore(runStore, select);
export const useUi = <T>(select: (state: UiState) => T): T => useStore(uiStore, select);
