/**
 * @generated SignedSource<<e60dc3fe604cc113078369ce0487cad2>>
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import { ConcreteRequest } from 'relay-runtime';
import { FragmentRefs } from "relay-runtime";
export type SyncEntityType = "AUTOCARE" | "CUSTOMER" | "MANUFACTURER" | "MEASUREMENT" | "ORDER" | "PRICING" | "PRODUCT" | "STOCK" | "UNKNOWN" | "%future added value";
export type SyncSource = "API" | "AS400" | "EXTERNAL" | "FILE" | "FILEMAKER" | "UNKNOWN" | "%future added value";
export type SyncStatus = "CANCELLED" | "COMPLETED" | "FAILED" | "PENDING" | "RUNNING" | "UNKNOWN" | "%future added value";
export type SyncRunFilter = {
  anyOf?: ReadonlyArray<SyncRunFilter> | null | undefined;
  completedAt?: DateTimeRange | null | undefined;
  details?: ReadonlyArray<SyncDetailsFilter> | null | undefined;
  durationSeconds?: FloatRange | null | undefined;
  entityType?: ReadonlyArray<SyncEntityType> | null | undefined;
  errorContains?: string | null | undefined;
  errorFingerprint?: ReadonlyArray<string> | null | undefined;
  id?: ReadonlyArray<string> | null | undefined;
  idStartsWith?: string | null | undefined;
  not?: SyncRunFilter | null | undefined;
  recordsCreated?: IntRange | null | undefined;
  recordsFailed?: IntRange | null | undefined;
  recordsProcessed?: IntRange | null | undefined;
  recordsUpdated?: IntRange | null | undefined;
  source?: ReadonlyArray<SyncSource> | null | undefined;
  startedAt?: DateTimeRange | null | undefined;
  status?: ReadonlyArray<SyncStatus> | null | undefined;
  triggeredById?: ReadonlyArray<string> | null | undefined;
  triggeredByUser?: boolean | null | undefined;
  updatedAt?: DateTimeRange | null | undefined;
};
export type DateTimeRange = {
  gt?: string | null | undefined;
  gte?: string | null | undefined;
  lt?: string | null | undefined;
  lte?: string | null | undefined;
};
export type FloatRange = {
  gt?: number | null | undefined;
  gte?: number | null | undefined;
  lt?: number | null | undefined;
  lte?: number | null | undefined;
};
export type IntRange = {
  gt?: number | null | undefined;
  gte?: number | null | undefined;
  lt?: number | null | undefined;
  lte?: number | null | undefined;
};
export type SyncDetailsFilter = {
  equals?: unknown | null | undefined;
  exists?: boolean | null | undefined;
  path: ReadonlyArray<string>;
};
export type RunListChangesSubscription$variables = {
  after?: string | null | undefined;
  filter?: SyncRunFilter | null | undefined;
};
export type RunListChangesSubscription$data = {
  readonly syncRunChanged: {
    readonly cursor: string;
    readonly matchesFilter: boolean;
    readonly run: {
      readonly id: string;
      readonly startedAt: string;
      readonly " $fragmentSpreads": FragmentRefs<"RunList_run">;
    } | null | undefined;
    readonly runId: string;
  };
};
export type RunListChangesSubscription = {
  response: RunListChangesSubscription$data;
  variables: RunListChangesSubscription$variables;
};

const node: ConcreteRequest = (function(){
var v0 = {
  "defaultValue": null,
  "kind": "LocalArgument",
  "name": "after"
},
v1 = {
  "defaultValue": null,
  "kind": "LocalArgument",
  "name": "filter"
},
v2 = [
  {
    "kind": "Variable",
    "name": "after",
    "variableName": "after"
  },
  {
    "kind": "Variable",
    "name": "filter",
    "variableName": "filter"
  },
  {
    "kind": "Literal",
    "name": "kinds",
    "value": [
      "CREATED",
      "STATUS",
      "PROGRESS",
      "DELETED"
    ]
  }
],
v3 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "cursor",
  "storageKey": null
},
v4 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "matchesFilter",
  "storageKey": null
},
v5 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "runId",
  "storageKey": null
},
v6 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "id",
  "storageKey": null
},
v7 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "startedAt",
  "storageKey": null
};
return {
  "fragment": {
    "argumentDefinitions": [
      (v0/*:: as any*/),
      (v1/*:: as any*/)
    ],
    "kind": "Fragment",
    "metadata": null,
    "name": "RunListChangesSubscription",
    "selections": [
      {
        "alias": null,
        "args": (v2/*:: as any*/),
        "concreteType": "SyncRunChange",
        "kind": "LinkedField",
        "name": "syncRunChanged",
        "plural": false,
        "selections": [
          (v3/*:: as any*/),
          (v4/*:: as any*/),
          (v5/*:: as any*/),
          {
            "alias": null,
            "args": null,
            "concreteType": "SyncRun",
            "kind": "LinkedField",
            "name": "run",
            "plural": false,
            "selections": [
              (v6/*:: as any*/),
              (v7/*:: as any*/),
              {
                "args": null,
                "kind": "FragmentSpread",
                "name": "RunList_run"
              }
            ],
            "storageKey": null
          }
        ],
        "storageKey": null
      }
    ],
    "type": "Subscription",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": [
      (v1/*:: as any*/),
      (v0/*:: as any*/)
    ],
    "kind": "Operation",
    "name": "RunListChangesSubscription",
    "selections": [
      {
        "alias": null,
        "args": (v2/*:: as any*/),
        "concreteType": "SyncRunChange",
        "kind": "LinkedField",
        "name": "syncRunChanged",
        "plural": false,
        "selections": [
          (v3/*:: as any*/),
          (v4/*:: as any*/),
          (v5/*:: as any*/),
          {
            "alias": null,
            "args": null,
            "concreteType": "SyncRun",
            "kind": "LinkedField",
            "name": "run",
            "plural": false,
            "selections": [
              (v6/*:: as any*/),
              (v7/*:: as any*/),
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
                "name": "recordsProcessed",
                "storageKey": null
              }
            ],
            "storageKey": null
          }
        ],
        "storageKey": null
      }
    ]
  },
  "params": {
    "cacheID": "210b5d2c20178695c711fdcc69168610",
    "id": null,
    "metadata": {},
    "name": "RunListChangesSubscription",
    "operationKind": "subscription",
    "text": "subscription RunListChangesSubscription(\n  $filter: SyncRunFilter\n  $after: String\n) {\n  syncRunChanged(filter: $filter, kinds: [CREATED, STATUS, PROGRESS, DELETED], after: $after) {\n    cursor\n    matchesFilter\n    runId\n    run {\n      id\n      startedAt\n      ...RunList_run\n    }\n  }\n}\n\nfragment RunList_run on SyncRun {\n  id\n  entityType\n  source\n  status\n  startedAt\n  recordsProcessed\n}\n"
  }
};
})();

(node as any).hash = "44443d825c6bd5a75fa3dc4abc6e35a3";

export default node;
