import type { EntityType, RunOrderField, Source, Status } from '../api/graphql';

export const ENTITY_TYPES = [
  'PRODUCT',
  'MEASUREMENT',
  'STOCK',
  'PRICING',
  'MANUFACTURER',
  'CUSTOMER',
  'ORDER',
  'AUTOCARE',
] as const satisfies EntityType[];

export const SOURCES = ['AS400', 'FILEMAKER', 'API', 'FILE', 'EXTERNAL'] as const satisfies Source[];

export const STATUSES = ['PENDING', 'RUNNING', 'FAILED', 'COMPLETED', 'CANCELLED'] as const satisfies Status[];

const ENTITY_TYPE_LABELS: Record<EntityType, string> = {
  PRODUCT: 'Product',
  MEASUREMENT: 'Measurement',
  STOCK: 'Stock',
  PRICING: 'Pricing',
  MANUFACTURER: 'Manufacturer',
  CUSTOMER: 'Customer',
  ORDER: 'Order',
  AUTOCARE: 'AutoCare',
  UNKNOWN: 'Unknown type',
};

const SOURCE_LABELS: Record<Source, string> = {
  AS400: 'AS/400',
  FILEMAKER: 'FileMaker',
  API: 'API',
  FILE: 'File',
  EXTERNAL: 'External',
  UNKNOWN: 'Unknown source',
};

const STATUS_LABELS: Record<Status, string> = {
  PENDING: 'Pending',
  RUNNING: 'Running',
  COMPLETED: 'Completed',
  FAILED: 'Failed',
  CANCELLED: 'Cancelled',
  UNKNOWN: 'Unknown',
};

export const entityTypeLabel = (value: EntityType) => ENTITY_TYPE_LABELS[value];
export const sourceLabel = (value: Source) => SOURCE_LABELS[value];
export const statusLabel = (value: Status) => STATUS_LABELS[value];

/** Names an entity type and source, as in "Stock from AS/400". */
export const pairLabel = (entityType: EntityType, source: Source) =>
  `${entityTypeLabel(entityType)} from ${sourceLabel(source)}`;

/** Orders of runs, with what comes first in each direction. */
export const ORDERS: Record<RunOrderField, { label: string; ASC: string; DESC: string }> = {
  STARTED_AT: { label: 'Started', DESC: 'newest first', ASC: 'oldest first' },
  COMPLETED_AT: { label: 'Ended', DESC: 'latest first', ASC: 'earliest first' },
  DURATION: { label: 'Duration', DESC: 'longest first', ASC: 'shortest first' },
  RECORDS_PROCESSED: { label: 'Processed', DESC: 'most first', ASC: 'fewest first' },
  RECORDS_FAILED: { label: 'Failed records', DESC: 'most first', ASC: 'fewest first' },
  STATUS: { label: 'Status', DESC: 'Z to A', ASC: 'A to Z' },
  ENTITY_TYPE: { label: 'Entity type', DESC: 'Z to A', ASC: 'A to Z' },
  SOURCE: { label: 'Source', DESC: 'Z to A', ASC: 'A to Z' },
};

export const isOpen = (status: Status) => status === 'PENDING' || status === 'RUNNING';
