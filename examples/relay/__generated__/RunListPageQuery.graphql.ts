/**
 * @generated SignedSource<<4b8ba03857d119ae242b06bee3f5bb43>>
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import { ConcreteRequest } from 'relay-runtime';
import { FragmentRefs } from "relay-runtime";
export type OrderDirection = "ASC" | "DESC" | "%future added value";
export type SyncEntityType = "AUTOCARE" | "CUSTOMER" | "MANUFACTURER" | "MEASUREMENT" | "ORDER" | "PRICING" | "PRODUCT" | "STOCK" | "UNKNOWN" | "%future added value";
export type SyncRunOrderField = "COMPLETED_AT" | "DURATION" | "ENTITY_TYPE" | "RECORDS_FAILED" | "RECORDS_PROCESSED" | "SOURCE" | "STARTED_AT" | "STATUS" | "%future added value";
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
export type SyncRunOrder = {
  direction?: OrderDirection;
  field?: SyncRunOrderField;
};
export type RunListPageQuery$variables = {
  after?: string | null | undefined;
  filter?: SyncRunFilter | null | undefined;
  first?: number | null | undefined;
  orderBy?: SyncRunOrder | null | undefined;
};
export type RunListPageQuery$data = {
  readonly " $fragmentSpreads": FragmentRefs<"RunList_query">;
};
export type RunListPageQuery = {
  response: RunListPageQuery$data;
  variables: RunListPageQuery$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "after"
  },
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "filter"
  },
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "first"
  },
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "orderBy"
  }
],
v1 = {
  "kind": "Variable",
  "name": "after",
  "variableName": "after"
},
v2 = [
  (v1/*:: as any*/),
  {
    "kind": "Variable",
    "name": "filter",
    "variableName": "filter"
  },
  {
    "kind": "Variable",
    "name": "first",
    "variableName": "first"
  },
  {
    "kind": "Variable",
    "name": "orderBy",
    "variableName": "orderBy"
  }
];
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "RunListPageQuery",
    "selections": [
      {
        "args": [
          (v1/*:: as any*/)
        ],
        "kind": "FragmentSpread",
        "name": "RunList_query"
      }
    ],
    "type": "Query",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "RunListPageQuery",
    "selections": [
      {
        "alias": null,
        "args": (v2/*:: as any*/),
        "concreteType": "SyncRunConnection",
        "kind": "LinkedField",
        "name": "syncRuns",
        "plural": false,
        "selections": [
          {
            "alias": null,
            "args": null,
            "concreteType": "SyncRunEdge",
            "kind": "LinkedField",
            "name": "edges",
            "plural": true,
            "selections": [
              {
                "alias": null,
                "args": null,
                "concreteType": "SyncRun",
                "kind": "LinkedField",
                "name": "node",
                "plural": false,
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
                    "name": "startedAt",
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
                    "name": "recordsProcessed",
                    "storageKey": null
                  },
                  {
                    "alias": null,
                    "args": null,
                    "kind": "ScalarField",
                    "name": "__typename",
                    "storageKey": null
                  }
                ],
                "storageKey": null
              },
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "cursor",
                "storageKey": null
              }
            ],
            "storageKey": null
          },
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "feedCursor",
            "storageKey": null
          },
          {
            "alias": null,
            "args": null,
            "concreteType": "PageInfo",
            "kind": "LinkedField",
            "name": "pageInfo",
            "plural": false,
            "selections": [
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "endCursor",
                "storageKey": null
              },
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "hasNextPage",
                "storageKey": null
              }
            ],
            "storageKey": null
          },
          {
            "kind": "ClientExtension",
            "selections": [
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "__id",
                "storageKey": null
              }
            ]
          }
        ],
        "storageKey": null
      },
      {
        "alias": null,
        "args": (v2/*:: as any*/),
        "filters": [
          "filter",
          "orderBy"
        ],
        "handle": "connection",
        "key": "RunList_syncRuns",
        "kind": "LinkedHandle",
        "name": "syncRuns"
      }
    ]
  },
  "params": {
    "cacheID": "6cf7262adc6bfb9917b3d8b9ecd97e72",
    "id": null,
    "metadata": {},
    "name": "RunListPageQuery",
    "operationKind": "query",
    "text": "query RunListPageQuery(\n  $after: String\n  $filter: SyncRunFilter\n  $first: Int\n  $orderBy: SyncRunOrder\n) {\n  ...RunList_query_WGPvJ\n}\n\nfragment RunList_query_WGPvJ on Query {\n  syncRuns(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {\n    edges {\n      node {\n        id\n        startedAt\n        ...RunList_run\n        __typename\n      }\n      cursor\n    }\n    feedCursor\n    pageInfo {\n      endCursor\n      hasNextPage\n    }\n  }\n}\n\nfragment RunList_run on SyncRun {\n  id\n  entityType\n  source\n  status\n  startedAt\n  recordsProcessed\n}\n"
  }
};
})();

(node as any).hash = "0ab441c30d96da57b088f1f7b6dd9ba8";

export default node;
