// Sorts a JSON array of texts as ICU sorts Vietnamese; [text, …] in, [text, …] out. Makes vietnamese_order.txt too:
//   node tests/unit/vietnamese_order.js --lines < names > tests/unit/vietnamese_order.txt
const collator = new Intl.Collator("vi")
const text = require("fs").readFileSync(0, "utf8")
if (process.argv.includes("--lines")) {
  const lines = [...new Set(text.normalize("NFC").split("\n").filter((line) => line && !line.startsWith("#")))]
  console.log(`# In the order of ICU ${process.versions.icu}, locale vi; made by vietnamese_order.js.`)
  console.log(lines.sort(collator.compare).join("\n"))
} else {
  console.log(JSON.stringify(JSON.parse(text).sort(collator.compare)))
}
