import { useQuery, useQueryClient } from '@tanstack/react-query';
import { UploadCloud } from 'lucide-react';
import { createContext, type ReactNode, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import { useLocation } from 'wouter';
import { api } from '../shared/api/client.ts';
import type { SystemState } from '../shared/api/types.ts';
import type { UploadItem } from './upload-item.ts';
import { UploadManager } from './upload-manager.ts';
import { useFileDrop } from './use-file-drop.ts';

const ManagerContext = createContext<UploadManager | undefined>(undefined);

/** The uploads of the page; only below UploadProvider. */
export function useUploads(): { manager: UploadManager; items: readonly UploadItem[] } {
  const manager = useContext(ManagerContext);
  if (manager === undefined) throw new Error('useUploads needs an UploadProvider above it');
  return { manager, items: useSyncExternalStore(manager.subscribe, manager.items) };
}

/** Takes files that are dropped anywhere, on whatever screen, and shows them where datasets are. */
export function UploadProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [manager] = useState(() => new UploadManager(() => void queries.invalidateQueries({ queryKey: ['datasets'] })));
  const [path, navigate] = useLocation();
  const over = useFileDrop((files) => {
    manager.add(files);
    if (path !== '/datasets') navigate('/datasets');
  });
  useLimits(manager);
  useEffect(() => void manager.restore(), [manager]);
  return (
    <ManagerContext value={manager}>
      {children}
      {over && <DropHint />}
    </ManagerContext>
  );
}

function useLimits(manager: UploadManager): void {
  const system = useQuery({
    queryKey: ['system'],
    queryFn: ({ signal }) => api<SystemState>('/api/system', { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const limits = system.data?.limits;
  useEffect(() => {
    manager.setLimits({ maxUploadBytes: limits?.max_upload_bytes, maxRecordBytes: limits?.max_record_bytes });
  }, [manager, limits]);
}

function DropHint() {
  return (
    <div className="pointer-events-none fixed inset-0 z-50 flex items-center justify-center bg-ground/80 p-6 backdrop-blur-xs">
      <p className="flex items-center gap-3 rounded-xl border-2 border-dashed border-accent bg-surface px-8 py-6 font-medium text-accent shadow-xl">
        <UploadCloud className="size-6" aria-hidden /> Drop to make a dataset of it
      </p>
    </div>
  );
}
