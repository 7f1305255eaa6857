// The database that a URL names, by Node.js's `postgres`. Prints what the target says it is.
import fs from 'node:fs'
import postgres from 'postgres'

const { host, port, password, ca, database } = JSON.parse(fs.readFileSync(0, 'utf8'))
const sql = postgres(`postgres://agent:${encodeURIComponent(password)}@${host}:${port}/${database}`, {
  max: 1,
  fetch_types: false,
  ssl: { ca: fs.readFileSync(ca), checkServerIdentity: () => undefined }
})
const [{ name }] = await sql`select current_database() as name`
console.log(JSON.stringify(name))
await sql.end()
