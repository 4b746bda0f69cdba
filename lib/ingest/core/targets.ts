import type { DatasetStatistics, Kind, TargetName, TargetVerdict } from '@/lib/ingest/types.ts';
import type { Code } from './catalogue.ts';
import type { CodeCount } from './contract.ts';

interface TargetRules {
  /** Kinds that the target can train on. */
  kinds: readonly Kind[];
  minRecords?: number;
  maxRecords?: number;
  /** Estimated tokens of one record above which it is cut. */
  maxRecordTokens?: number;
  /** Codes that the target refuses, or that break its run. */
  refuses: readonly Code[];
  /** Codes with which the target works, but not as one would think. */
  warns: readonly Code[];
}

const CHAT: readonly Kind[] = ['messages', 'prompt_only', 'preference'];
const OPEN: readonly Kind[] = [
  'messages',
  'prompt_completion',
  'text',
  'preference',
  'unpaired',
  'prompt_only',
  'stepwise',
  'tokenized',
];
const STRICT_TURNS: readonly Code[] = ['W_ROLE_REPEAT', 'W_FIRST_NOT_USER', 'W_SYSTEM_NOT_FIRST', 'W_MULTI_SYSTEM'];

/**
 * Who refuses what: facts of `docs/formats.md`, read in the targets' sources and documentation. `generic` findings stay as
 * they are; a target only raises codes to errors.
 */
const RULES: Readonly<Record<TargetName, TargetRules>> = {
  openai: {
    kinds: CHAT,
    minRecords: 10,
    maxRecordTokens: 65_536,
    refuses: [
      'W_WEIGHT_IGNORED',
      'W_TOOL_NAME',
      'W_TOOL_UNANSWERED',
      'W_MEDIA_SIZE',
      'W_IMAGE_LOCAL_PATH',
      'T_PREF_LONG',
    ],
    warns: ['W_TOOLS_SCHEMA', 'T_EXTRA_FIELD', 'W_ARGS_DOUBLE_ENCODED'],
  },
  azure: {
    kinds: CHAT,
    minRecords: 10,
    refuses: ['W_WEIGHT_IGNORED', 'W_TOOL_NAME', 'W_ROLE_REPEAT', 'W_MEDIA_SIZE', 'W_IMAGE_LOCAL_PATH'],
    warns: ['W_TOOLS_SCHEMA', 'T_EXTRA_FIELD'],
  },
  together: {
    kinds: ['messages', 'prompt_completion', 'text', 'preference', 'tokenized'],
    refuses: [
      ...STRICT_TURNS,
      'T_TOOL_ROLE',
      'T_DEVELOPER_ROLE',
      'T_EXTRA_FIELD',
      'W_UNKNOWN_FIELD',
      'W_PREF_PREFILL',
      'T_PREF_LONG',
      'W_IMAGE_REMOTE',
      'W_IMAGE_LOCAL_PATH',
      'W_MEDIA_SIZE',
    ],
    warns: ['T_PARTS', 'T_MESSAGE_FIELD'],
  },
  fireworks: {
    kinds: ['messages', 'preference', 'prompt_only'],
    minRecords: 3,
    maxRecords: 3_000_000,
    refuses: ['W_SYSTEM_NOT_FIRST', 'W_MULTI_SYSTEM'],
    warns: ['T_EXTRA_FIELD', 'T_DEVELOPER_ROLE'],
  },
  mistral: {
    kinds: ['messages', 'text'],
    refuses: [
      'W_TOOL_ID_MISTRAL',
      'W_TOOL_NAME',
      'W_MULTI_SYSTEM',
      'W_TOOLS_SCHEMA',
      'T_DEVELOPER_ROLE',
      'T_CONTENT_AND_CALLS',
    ],
    warns: ['W_TOOL_UNANSWERED'],
  },
  'bedrock-claude': {
    kinds: ['messages'],
    minRecords: 32,
    refuses: [
      ...STRICT_TURNS,
      'T_TOOL_ROLE',
      'T_DEVELOPER_ROLE',
      'T_EXTRA_FIELD',
      'W_UNKNOWN_FIELD',
      'T_MESSAGE_FIELD',
      'T_LAST_TOOL_CALL',
    ],
    warns: ['T_PARTS'],
  },
  nova: {
    kinds: ['messages'],
    refuses: [...STRICT_TURNS, 'W_RESERVED_NOVA', 'T_DEVELOPER_ROLE', 'W_IMAGE_LOCAL_PATH'],
    warns: ['T_EXTRA_FIELD', 'T_TOOL_ROLE'],
  },
  vertex: {
    kinds: ['messages', 'preference'],
    refuses: ['W_FIRST_NOT_USER', 'W_SYSTEM_NOT_FIRST', 'W_MULTI_SYSTEM', 'T_DEVELOPER_ROLE', 'W_IMAGE_LOCAL_PATH'],
    warns: ['T_EXTRA_FIELD', 'W_ROLE_REPEAT'],
  },
  trl: {
    kinds: OPEN,
    refuses: ['W_IMAGE_REMOTE'],
    warns: ['W_PREF_NO_PROMPT', 'T_DEVELOPER_ROLE', 'W_MULTI_SYSTEM', 'W_SYSTEM_NOT_FIRST', 'W_MEDIA_NO_TOKEN'],
  },
  llamafactory: {
    kinds: ['messages', 'preference', 'unpaired', 'text'],
    refuses: ['W_ROLE_REPEAT', 'W_FIRST_NOT_USER', 'W_SYSTEM_NOT_FIRST', 'W_MULTI_SYSTEM', 'T_DEVELOPER_ROLE'],
    warns: ['W_MEDIA_NO_TOKEN', 'T_PARTS', 'T_LAST_TOOL_CALL'],
  },
  axolotl: {
    kinds: ['messages', 'prompt_completion', 'text', 'preference', 'unpaired', 'stepwise', 'tokenized', 'segments'],
    refuses: [],
    warns: ['W_CONTENT_EMPTY', 'T_DEVELOPER_ROLE', 'W_SYSTEM_NOT_FIRST', 'W_MULTI_SYSTEM'],
  },
  torchtune: {
    kinds: ['messages', 'preference', 'text'],
    refuses: [
      'W_ROLE_REPEAT',
      'W_FIRST_NOT_USER',
      'W_SYSTEM_NOT_FIRST',
      'W_MULTI_SYSTEM',
      'T_DEVELOPER_ROLE',
      'T_PARTS',
    ],
    warns: ['T_TOOL_ROLE'],
  },
};

type Facts = Pick<DatasetStatistics, 'total_examples' | 'record_tokens'>;

/** For each training target, whether it would take the dataset, and the codes that speak against it. */
export function targetVerdicts(
  counts: Readonly<Record<string, CodeCount>>,
  statistics: Facts | null,
  kind: Kind | null,
): TargetVerdict[] {
  return Object.entries(RULES).map(([target, rules]) => {
    const refused = kind === null ? [] : [...refusals(rules, statistics, kind), ...present(rules.refuses, counts)];
    const warned = [...present(rules.warns, counts), ...longRecords(rules, statistics)];
    const accepted = kind !== null && refused.length === 0 && !hasErrors(counts);
    return { target: target as TargetName, accepted, refuses: refused, warns: warned };
  });
}

function present(codes: readonly Code[], counts: Readonly<Record<string, CodeCount>>): TargetVerdict['refuses'] {
  return codes.flatMap((code) => {
    const count = counts[code]?.count ?? 0;
    return count === 0 ? [] : [{ code, count }];
  });
}

function refusals(rules: TargetRules, statistics: Facts | null, kind: Kind): TargetVerdict['refuses'] {
  const records = statistics?.total_examples ?? 0;
  const refused: TargetVerdict['refuses'] = [];
  if (!rules.kinds.includes(kind)) refused.push({ code: 'E_TARGET_KIND', count: records });
  if (records < (rules.minRecords ?? 0)) refused.push({ code: 'W_FEW', count: records });
  if (records > (rules.maxRecords ?? Number.POSITIVE_INFINITY)) refused.push({ code: 'W_MANY', count: records });
  return refused;
}

function longRecords(rules: TargetRules, statistics: Facts | null): TargetVerdict['warns'] {
  const longest = statistics?.record_tokens?.max ?? 0;
  return rules.maxRecordTokens !== undefined && longest > rules.maxRecordTokens
    ? [{ code: 'W_LONG', count: longest }]
    : [];
}

function hasErrors(counts: Readonly<Record<string, CodeCount>>): boolean {
  return Object.values(counts).some(
    ({ severity, count }) => count > 0 && (severity === 'error' || severity === 'fatal'),
  );
}
