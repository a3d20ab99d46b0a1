/**
 * @generated SignedSource<<c50ce801b6a97c851d65926343185067>>
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import { ReaderFragment } from 'relay-runtime';
export type SyncEntityType = "AUTOCARE" | "CUSTOMER" | "MANUFACTURER" | "MEASUREMENT" | "ORDER" | "PRICING" | "PRODUCT" | "STOCK" | "UNKNOWN" | "%future added value";
export type SyncSource = "API" | "AS400" | "EXTERNAL" | "FILE" | "FILEMAKER" | "UNKNOWN" | "%future added value";
export type SyncStatus = "CANCELLED" | "COMPLETED" | "FAILED" | "PENDING" | "RUNNING" | "UNKNOWN" | "%future added value";
import { FragmentRefs } from "relay-runtime";
export type RunList_run$data = {
  readonly entityType: SyncEntityType;
  readonly id: string;
  readonly recordsProcessed: number;
  readonly source: SyncSource;
  readonly startedAt: string;
  readonly status: SyncStatus;
  readonly " $fragmentType": "RunList_run";
};
export type RunList_run$key = {
  readonly " $data"?: RunList_run$data;
  readonly " $fragmentSpreads": FragmentRefs<"RunList_run">;
};

const node: ReaderFragment = {
  "argumentDefinitions": [],
  "kind": "Fragment",
  "metadata": null,
  "name": "RunList_run",
  "selections": [
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "id",
      "storageKey": null
    },
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "entityType",
      "storageKey": null
    },
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "source",
      "storageKey": null
    },
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "status",
      "storageKey": null
    },
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "startedAt",
      "storageKey": null
    },
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "recordsProcessed",
      "storageKey": null
    }
  ],
  "type": "SyncRun",
  "abstractKey": null
};

(node as any).hash = "d1bdd06665840a0dad7049970b016823";

export default node;
