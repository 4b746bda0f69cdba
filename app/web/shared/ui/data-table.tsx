import {
  type ColumnDef,
  flexRender,
  getCoreRowModel,
  type Row,
  type RowData,
  useReactTable,
} from '@tanstack/react-table';
import clsx from 'clsx';
import { ArrowDown, ArrowUp, ChevronsUpDown } from 'lucide-react';
import { memo, type ReactNode, useMemo, useRef } from 'react';
import { useWindowedRows } from './windowed-rows.ts';

declare module '@tanstack/react-table' {
  interface ColumnMeta<TData extends RowData, TValue> {
    /** Numbers stand at the right. */
    align?: 'right';
    /** Narrower screens leave the column out: its content must then be said elsewhere in the row. */
    from?: 'sm' | 'md' | 'lg';
    /** The name by which the server sorts. */
    sortBy?: string;
    className?: string;
  }
}

export interface Sorting {
  by: string;
  descending: boolean;
}

export interface DataTableProps<T> {
  /** What the rows are, for screen readers. */
  label: string;
  rows: readonly T[];
  columns: readonly ColumnDef<T>[];
  rowKey: (row: T) => string;
  sorting?: Sorting;
  onSort?: (sorting: Sorting) => void;
  /**
   * The height of every row in pixels. With it only the rows in view are in the document, however many there are; without
   * it all are, each as high as its content.
   */
  rowHeight?: number;
  /** Called when the last rows come into view. */
  onEnd?: () => void;
  footer?: ReactNode;
}

const HIDDEN = { sm: 'max-sm:hidden', md: 'max-md:hidden', lg: 'max-lg:hidden' };

/** Every list of the page: aligned numbers, sortable heads, and quick however long it is. */
export function DataTable<T>({
  label,
  rows,
  columns,
  rowKey,
  sorting,
  onSort,
  rowHeight,
  onEnd,
  footer,
}: DataTableProps<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const range = useWindowedRows({ body, count: rows.length, rowHeight, onEnd });
  // The table is made of the rows in view: one of all rows would cost more with every page.
  const shown = useMemo(() => rows.slice(range.from, range.to), [rows, range.from, range.to]);
  const table = useReactTable({
    data: shown,
    columns: columns as ColumnDef<T>[],
    getRowId: rowKey,
    getCoreRowModel: getCoreRowModel(),
  });
  const span = table.getVisibleLeafColumns().length;
  return (
    <div className="overflow-hidden rounded-lg border border-line bg-surface">
      <table aria-label={label} aria-rowcount={rows.length + 1} className="w-full table-fixed text-sm">
        <thead className="border-b border-line bg-sunken text-xs text-muted">
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} aria-rowindex={1}>
              {group.headers.map(({ id, column, getContext }) => {
                const { align, from, sortBy, className } = column.columnDef.meta ?? {};
                const words = flexRender(column.columnDef.header, getContext());
                return (
                  <th
                    key={id}
                    scope="col"
                    aria-sort={sortBy !== undefined && sorting?.by === sortBy ? ariaSort(sorting) : undefined}
                    className={clsx(
                      'px-3 py-2 font-medium first:pl-4 last:pr-4',
                      align === 'right' ? 'text-right' : 'text-left',
                      from !== undefined && HIDDEN[from],
                      className,
                    )}
                  >
                    {sortBy === undefined || onSort === undefined ? (
                      words
                    ) : (
                      <SortHead by={sortBy} sorting={sorting} onSort={onSort} align={align}>
                        {words}
                      </SortHead>
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody ref={body}>
          <Spacer height={range.above} span={span} />
          {table.getRowModel().rows.map((row, index) => (
            <BodyRow key={row.id} row={row} place={range.from + index} columns={columns} rowHeight={rowHeight} />
          ))}
          <Spacer height={range.below} span={span} />
        </tbody>
      </table>
      {footer}
    </div>
  );
}

interface BodyRowProps<T> {
  row: Row<T>;
  /** Among all rows, from 0. */
  place: number;
  columns: readonly ColumnDef<T>[];
  rowHeight: number | undefined;
}

/** A row is drawn again when what it shows changes, not when others come and go. */
const BodyRow = memo(
  DrawnRow,
  (before, after) =>
    before.row.original === after.row.original &&
    before.place === after.place &&
    before.columns === after.columns &&
    before.rowHeight === after.rowHeight,
) as typeof DrawnRow;

function DrawnRow<T>({ row, place, rowHeight }: BodyRowProps<T>) {
  return (
    <tr
      aria-rowindex={place + 2}
      style={rowHeight === undefined ? undefined : { height: rowHeight }}
      className="border-t border-line first:border-t-0 hover:bg-sunken"
    >
      {row.getVisibleCells().map((cell) => {
        const { align, from, className } = cell.column.columnDef.meta ?? {};
        return (
          <td
            key={cell.id}
            className={clsx(
              'px-3 first:pl-4 last:pr-4',
              rowHeight === undefined ? 'py-2.5' : 'py-0',
              align === 'right' && 'tabular text-right',
              from !== undefined && HIDDEN[from],
              className,
            )}
          >
            {flexRender(cell.column.columnDef.cell, cell.getContext())}
          </td>
        );
      })}
    </tr>
  );
}

function ariaSort({ descending }: Sorting): 'ascending' | 'descending' {
  return descending ? 'descending' : 'ascending';
}

function Spacer({ height, span }: { height: number; span: number }) {
  if (height === 0) return null;
  return (
    <tr aria-hidden>
      <td colSpan={span} style={{ height, padding: 0 }} />
    </tr>
  );
}

function SortHead({
  by,
  sorting,
  onSort,
  align,
  children,
}: {
  by: string;
  sorting: Sorting | undefined;
  onSort: (sorting: Sorting) => void;
  align?: 'right';
  children: ReactNode;
}) {
  const active = sorting?.by === by;
  const Icon = !active ? ChevronsUpDown : sorting.descending ? ArrowDown : ArrowUp;
  return (
    <button
      type="button"
      onClick={() => onSort({ by, descending: active ? !sorting.descending : align === 'right' })}
      className={clsx(
        'inline-flex cursor-pointer items-center gap-1 rounded-sm hover:text-ink',
        align === 'right' && 'flex-row-reverse',
        active && 'text-ink',
      )}
    >
      {children}
      <Icon className={clsx('size-3', !active && 'opacity-50')} aria-hidden />
    </button>
  );
}
