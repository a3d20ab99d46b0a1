// Writes src/console/api/schema.d.ts, the types of ../schema.graphql for gql.tada. Its own command needs TypeScript's
// former API.
import { readFile, writeFile } from 'node:fs/promises';
import { minifyIntrospection, outputIntrospectionFile } from '@gql.tada/internal';
import { buildSchema, introspectionFromSchema } from 'graphql';

const schema = buildSchema(await readFile(new URL('../schema.graphql', import.meta.url), 'utf8'));
const introspection = minifyIntrospection(introspectionFromSchema(schema, { descriptions: false }));
const types = outputIntrospectionFile(introspection, { fileType: '.d.ts', shouldPreprocess: true });
await writeFile(new URL('src/console/api/schema.d.ts', import.meta.url), types);
