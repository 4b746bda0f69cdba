import { DigestMeter } from '@/lib/streams/digest.ts';
import type { ContentBlock, ContentSink, SinkResult } from './content-sink.ts';

/** Hashes the content and keeps nothing: what a check needs. */
export class CheckSink implements ContentSink {
  readonly wish = { type: 'content' } as const;
  readonly #content = new DigestMeter();

  async write({ content }: ContentBlock): Promise<void> {
    this.#content.update(content);
  }

  async finish(): Promise<SinkResult> {
    return { content: this.#content.result(), spooled: undefined };
  }

  async abort(): Promise<void> {}
}

/** Wants no content: for a check whose report is read by a person. */
export class JudgeSink implements ContentSink {
  readonly wish = { type: 'none' } as const;

  async write(): Promise<void> {}

  async finish(): Promise<SinkResult> {
    return { content: null, spooled: undefined };
  }

  async abort(): Promise<void> {}
}
