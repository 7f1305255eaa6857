// A transaction that fails, and the next one of the same pool of one connection. Prints what each came to.
import fs from 'node:fs'
import postgres from 'postgres'

const { host, port, password, ca } = JSON.parse(fs.readFileSync(0, 'utf8'))
const sql = postgres({
  host, port, password,
  user: 'agent',
  database: 'orders',
  max: 1,
  fetch_types: false,
  ssl: { ca: fs.readFileSync(ca), checkServerIdentity: () => undefined }
})
const seen = []
for (let round = 0; round < 3; round++) {
  try {
    await sql.begin(async tx => {
      await tx`select count(*) from customers`
      await tx`select 1 / 0`
    })
  } catch (error) {
    seen.push(error.code)
  }
  const [{ n }] = await sql`select 1 + ${round}::int as n`
  seen.push(n)
}
console.log(JSON.stringify(seen))
await sql.end()
