/** `npm run faults`: writes the tables of docs/fault-matrix.md anew from what the tests expect. */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { begins, ends, render } from "../test/contracts/FaultTables.ts"

const file = fileURLToPath(new URL("../docs/fault-matrix.md", import.meta.url))
const text = readFileSync(file, "utf8")
const [before, after] = [text.slice(0, text.indexOf(begins)), text.slice(text.indexOf(ends))]
writeFileSync(file, `${before}${begins}\n\n${render()}\n\n${after}`)
