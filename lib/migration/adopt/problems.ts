/** What adoption finds wrong, by stable code. Nothing of it stops the adoption of other rows. */
export const PROBLEMS = {
  object_missing: 'The row names an object that is not there.',
  object_without_row: 'No row names this object.',
  size_differs: 'The object has another size than the row says.',
  empty_object: 'The object is empty.',
  duplicate_path: 'Several rows name the same object.',
  foreign_path: "The path does not begin with the row's own user id.",
  unsafe_path: 'The path holds characters that stores read differently.',
  unsafe_id: 'The id of the dataset or of its user cannot be part of an object key.',
  foreign_s3_path: "metadata.s3_storage_path does not begin with the row's own user id.",
  s3_bucket_unknown: 'metadata.s3_storage_path names a copy, and its owner has no bucket here yet.',
  s3_object_missing: 'metadata.s3_storage_path names an object that is not in the bucket.',
  not_gzip: 'The object is not gzip.',
  gzip_damaged: 'The object is gzip that cannot be read to its end.',
  not_jsonl: 'The content is not one JSON object a line.',
  unrecognised_records: 'The records are of no format that Longshore knows.',
  count_differs: 'The object holds another number of records than the row says.',
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

/** What to do about it, for a person. */
export const REMEDIES: Record<ProblemCode, string> = {
  object_missing: 'Restore the object from a backup, or delete the row.',
  object_without_row: 'Nothing: Longshore does not touch it. Remove it by hand if nothing else needs it.',
  size_differs: 'Usually the old application recorded the size before compression. The object counts.',
  empty_object: 'Upload the dataset again, or delete the row.',
  duplicate_path: 'Give each dataset an object of its own, or delete all rows but one.',
  foreign_path: 'Correct storage_path or user_id. Until then only the old application reads this row.',
  unsafe_path: 'Move the object to a plain name and correct storage_path.',
  unsafe_id: 'Only letters, digits, "-" and "_" can be moved. Until then only the old application reads this row.',
  foreign_s3_path: 'Correct the metadata. The dataset is copied to S3 like one without.',
  s3_bucket_unknown: "Store the user's AWS secret; the copy is taken in within minutes.",
  s3_object_missing: 'Nothing: the dataset is copied to S3 like one without.',
  not_gzip: 'It is served and moved byte for byte. Upload it again to have it normalised.',
  gzip_damaged: 'Look for a good copy and upload it again. It is moved byte for byte as it is.',
  not_jsonl: 'It is served and moved byte for byte. Upload it again to have it normalised.',
  unrecognised_records: 'It is served and moved byte for byte. Upload it again to see why.',
  count_differs: 'The object counts; total_examples of the row was left as it is.',
};

/** By which problems are ordered. */
export interface ProblemKey {
  code: string;
  object_key: string;
  dataset_id: string | null;
}

export interface Problem {
  code: ProblemCode;
  object_key: string;
  /** Null for an object that no row names. */
  dataset_id: string | null;
  user_id: string | null;
  details: Record<string, unknown>;
}
