/** One wrong file each, and exactly what is said about it. */
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { Environment } from "../../src/config/Environment.ts"
import { agentYaml, faultsOf, FolderLayer, known, loadFiles, minimal, tenantYaml } from "./folder.ts"

const tenant = "tenants/default/tenant.yaml"
const main = "tenants/default/agents/main.yaml"

interface Case {
  readonly file: string
  readonly text: string
  readonly env?: Environment
  readonly faults: ReadonlyArray<string>
}

const name = "is not a name: expected 1 to 63 lower-case letters, digits, - or _, starting with a letter or a digit"
const remote = `${tenantYaml}  remote:\n    kind: anthropic\n    apiKey: x\n`

const cases: ReadonlyArray<Case> = [
  { file: "fiberclaw.yaml", text: "- a", faults: ["1:1: expected a mapping, got a list"] },
  { file: "fiberclaw.yaml", text: "http:", faults: ["1:6: http: expected a mapping, got nothing"] },
  { file: "fiberclaw.yaml", text: "log: loud", faults: ["1:6: log: expected a mapping, got a single value"] },
  {
    file: "fiberclaw.yaml",
    text: "http: { port: 70000 }",
    faults: ["1:15: http.port: expected a port number (0 to 65535), got 70000"]
  },
  {
    file: "fiberclaw.yaml",
    text: "http:\n  port: ${PORT}\n  insecure: yes",
    env: { PORT: "abc" },
    faults: [
      "2:9: http.port: expected a port number (0 to 65535), got the value of ${PORT}",
      '3:13: http.insecure: expected true or false, got "yes"'
    ]
  },
  {
    file: "fiberclaw.yaml",
    text: "http:\n  port: ${PORT}\nlog: { level: inf, format: XML }",
    faults: [
      "2:9: environment variable PORT is not set; set it, or give a default as in ${NAME:-default}",
      '3:15: log.level: expected one of trace, debug, info, warn, error, fatal, got "inf", did you mean `info`?',
      '3:28: log.format: expected one of json, pretty, got "XML"'
    ]
  },
  {
    file: "fiberclaw.yaml",
    text: "drain: 30\nhttp: { host: 1 }",
    faults: [
      '1:8: drain: expected a time such as "30 seconds" or "500 millis", got 30',
      "2:15: http.host: expected text that is not empty, got 1; put it in quotes"
    ]
  },
  ...["-1 seconds", "Infinity"].map((drain) => ({
    file: "fiberclaw.yaml",
    text: `drain: ${drain}`,
    faults: [`1:8: drain: expected a time such as "30 seconds" or "500 millis", got "${drain}"`]
  })),
  {
    file: tenant,
    text: "name: ''\nproviders:\n  demo: { kind: scripted, apiKey: x }\n  Open AI: { kind: scripted }",
    faults: [
      '1:7: name: expected text that is not empty, got ""',
      "3:27: unknown key `apiKey`; expected one of kind",
      `4:3: "Open AI" ${name}`
    ]
  },
  {
    file: tenant,
    text: `${tenantYaml}  a: { kind: antropic }\n  b: { kinds: scripted }\n  c: sk-secret\n  d: { kind: [x] }`,
    faults: [
      '4:14: providers.a.kind: expected one of anthropic, openai, scripted, got "antropic", did you mean `anthropic`?',
      "5:6: missing key `providers.b.kind`; expected one of anthropic, openai, scripted",
      "6:6: providers.c: expected a mapping, got a single value",
      "7:14: providers.d.kind: expected one of anthropic, openai, scripted, got a list"
    ]
  },
  {
    file: tenant,
    text: `${tenantYaml}  a: { kind: openai, maxTokensField: max_token }`,
    faults: [
      "4:38: providers.a.maxTokensField: expected one of max_tokens, max_completion_tokens, " +
        'got "max_token", did you mean `max_tokens`?'
    ]
  },
  {
    file: tenant,
    text: `${tenantYaml}  a: { kind: "\${KIND}" }`,
    faults: ["4:14: environment variable KIND is not set; set it, or give a default as in ${NAME:-default}"]
  },
  {
    file: tenant,
    text: `${tenantYaml}  a:\n    kind: anthropic\n    apikey: sk-secret\n    baseUrl: ftp://x\n    retry: { attempts: 0 }`,
    faults: [
      "5:5: missing key `providers.a.apiKey`",
      "6:5: unknown key `apikey`, did you mean `apiKey`?",
      '7:14: providers.a.baseUrl: expected an http or https URL without a user or password in it, got "ftp://x"',
      "8:24: providers.a.retry.attempts: expected a whole number, 1 or more, got 0"
    ]
  },
  {
    file: tenant,
    text: `${tenantYaml}  a: { kind: openai, apiKey: 12345, baseUrl: "\${URL}", models: x, limits: { requestsPerMinute: 1.5 } }`,
    env: { URL: "https://user:sk-secret@host" },
    faults: [
      "4:30: providers.a.apiKey: expected text; put it in quotes",
      "4:46: providers.a.baseUrl: expected an http or https URL without a user or password in it, " +
        "got the value of ${URL}",
      "4:64: providers.a.models: expected a list, got a single value",
      "4:96: providers.a.limits.requestsPerMinute: expected a whole number, 1 or more, got 1.5"
    ]
  },
  {
    file: tenant,
    text: `${tenantYaml}channels:\n  d: { kind: discord, agent: mian }\n  e: { kind: discord, enabled: false }\n  f: { kind: irc }`,
    faults: [
      "5:6: channels.d is enabled but has no token; set channels.d.token",
      '5:30: channels.d.agent: expected an agent of this tenant (one of main), got "mian", did you mean `main`?',
      "6:6: missing key `channels.e.agent`",
      '7:14: channels.f.kind: expected one of discord, got "irc"'
    ]
  },
  {
    file: tenant,
    text: `${remote}    timeouts: { firstByte: 0 seconds, idle: soon, content: 1 minute }`,
    faults: [
      '7:28: providers.remote.timeouts.firstByte: expected a time above 0 such as "2 minutes", got "0 seconds"',
      '7:45: providers.remote.timeouts.idle: expected a time above 0 such as "2 minutes", got "soon"'
    ]
  },
  {
    file: main,
    text: `${agentYaml}maxTokens: 4096\ncontext: { window: 4096 }`,
    faults: [
      "3:12: maxTokens: a reply of 4096 tokens leaves no room in context.window, which is 4096; " +
        "a quarter of the window is plenty"
    ]
  },
  {
    file: main,
    text: `${agentYaml}context: { window: "\${WINDOW}" }`,
    env: { WINDOW: "2000" },
    faults: [
      "3:20: maxTokens: a reply of 4096 tokens leaves no room in context.window, which is the value of ${WINDOW}; " +
        "a quarter of the window is plenty"
    ]
  },
  {
    file: main,
    text: `model: demo/demo\ninstructions: ${"word ".repeat(400)}\nmaxTokens: 100\ncontext: { window: 1000, compactAt: 0.3 }`,
    faults: [
      "2:15: instructions: they alone take up what compactAt and maxTokens leave of context.window, which is 1000; " +
        "shorten them, or raise context.window"
    ]
  },
  {
    file: main,
    text: `${agentYaml}thinking: { budget: 4096 }`,
    faults: [
      "3:21: thinking.budget: to think for 4096 tokens leaves nothing of a reply of maxTokens, which is 4096; " +
        "raise maxTokens, or lower the budget"
    ]
  },
  {
    file: main,
    text: `${agentYaml}thinking: { budget: 100 }\neffort: maximal`,
    faults: [
      "3:21: thinking.budget: expected a whole number, 1024 or more, got 100",
      '4:9: effort: expected one of low, medium, high, xhigh, max, got "maximal"'
    ]
  },
  {
    file: main,
    text: `${agentYaml}thinking: adaptve`,
    faults: [
      '3:11: thinking: expected adaptive, off, or { budget: TOKENS } with 1024 tokens or more, got "adaptve", ' +
        "did you mean `adaptive`?"
    ]
  },
  {
    file: main,
    text: `${agentYaml}thinking: { budgt: 2048 }`,
    faults: ["3:11: missing key `thinking.budget`", "3:13: unknown key `budgt`, did you mean `budget`?"]
  },
  {
    file: main,
    text: `${agentYaml}thinking: true`,
    faults: ["3:11: thinking: expected adaptive, off, or { budget: TOKENS } with 1024 tokens or more, got true"]
  },
  {
    file: main,
    text: `${agentYaml}providerTools: [web_search, { name: web_search }]`,
    faults: [
      "3:17: providerTools[0]: expected a mapping with a type, such as { type: web_search_20260318, name: web_search }, " +
        'got "web_search"',
      "3:29: providerTools[1]: expected a mapping with a type, such as { type: web_search_20260318, name: web_search }, " +
        "got a mapping"
    ]
  },
  {
    file: main,
    text: `${agentYaml}maxTokens: 2000\nthinking:\n  budget: "\${BUDGET}"\n`,
    env: { BUDGET: "3000" },
    faults: [
      "5:11: thinking.budget: to think for the value of ${BUDGET} tokens leaves nothing of a reply of maxTokens, which is " +
        "2000; raise maxTokens, or lower the budget"
    ]
  },
  {
    file: tenant,
    text: `${tenantYaml}channels: { d: { kind: discord, token: "\${BOT:-}", agent: main } }`,
    faults: ["4:40: channels.d is enabled but has no token; set the environment variable BOT"]
  },
  {
    file: tenant,
    text: "name: x",
    faults: [`${main}:1:8: model: expected a provider of this tenant (there is none), got "demo/demo"`]
  },
  {
    file: main,
    text: `${agentYaml}fallbacks: [demo/x, dmo/y, z]\ntools: [exec, exce, 7]\nmidTurn: stear\n`,
    faults: [
      '3:21: fallbacks[1]: expected a provider of this tenant (one of demo), got "dmo/y", did you mean `demo`?',
      '3:28: fallbacks[2]: expected a model as provider/model, got "z"',
      '4:15: tools[1]: expected a tool (one of exec, read_file), got "exce", did you mean `exec`?',
      "4:21: tools[2]: expected text that is not empty, got 7; put it in quotes",
      '5:10: midTurn: expected one of steer, queue, interrupt, got "stear", did you mean `steer`?'
    ]
  },
  {
    file: main,
    text: `${agentYaml}context: { compactAt: 80, keepTurns: -1 }\napprovals: { dangerous: never, patience: forever }\n`,
    faults: [
      "3:23: context.compactAt: expected a number above 0 and at most 1, got 80",
      "3:38: context.keepTurns: expected a whole number, 0 or more, got -1",
      '4:25: approvals.dangerous: expected one of ask, allow, deny, got "never"',
      '4:42: approvals.patience: expected a time such as "30 seconds" or "500 millis", got "forever"'
    ]
  },
  {
    file: main,
    text: "model: /x\ninstructions: |\n  Run ${CMD}\n  now\n",
    faults: [
      '1:8: model: expected a model as provider/model, got "/x"',
      "2:15: environment variable CMD is not set; set it, or give a default as in ${NAME:-default}"
    ]
  },
  { file: main, text: "", faults: ["1:1: missing key `model`", "1:1: missing key `instructions`"] }
]

describe("a wrong file", () => {
  layer(FolderLayer)((it) => {
    it.effect.each(cases)("gets exactly its faults: $faults.0", ({ env, faults, file, text }) =>
      Effect.gen(function* () {
        const lines = yield* faultsOf({ ...minimal, [file]: text }, env)
        assert.deepStrictEqual(
          lines,
          faults.map((fault) => (fault.startsWith("tenants/") ? fault : `${file}:${fault}`))
        )
      })
    )

    it.effect("asks for the key of a provider only when an agent's model needs it", () =>
      Effect.gen(function* () {
        const keyless = remote.replace("apiKey: x", "apiKey: ${REMOTE_KEY:-}")
        const lines = yield* faultsOf({
          ...minimal,
          [tenant]: `${keyless}  plain: { kind: openai, apiKey: "" }\n  unused: { kind: openai, apiKey: "" }\n`,
          [main]: "model: ${MODEL:-remote/big}\nfallbacks: [demo/x, plain/small]\ninstructions: x\n"
        })
        assert.deepStrictEqual(lines, [
          `${main}:1:8: model: the value of \${MODEL:-remote/big} needs a key, but providers.remote.apiKey in ${tenant} ` +
            "is empty; set the environment variable REMOTE_KEY",
          `${main}:2:21: fallbacks[1]: "plain/small" needs a key, but providers.plain.apiKey in ${tenant} is empty; ` +
            "set providers.plain.apiKey"
        ])
      })
    )

    it.effect("asks a provider of kind openai for a key only at OpenAI's own address", () =>
      Effect.gen(function* () {
        const own = "own: { kind: openai, baseUrl: http://127.0.0.1:11434/v1 }"
        const files = { ...minimal, [tenant]: `${tenantYaml}  ${own}\n  remote: { kind: openai }\n` }
        yield* loadFiles({ ...files, [main]: "model: own/small\ninstructions: x\n" })
        const lines = yield* faultsOf({ ...files, [main]: "model: remote/big\ninstructions: x\n" })
        assert.deepStrictEqual(lines, [
          `${main}:1:8: model: "remote/big" needs a key, but providers.remote.apiKey in ${tenant} is empty; ` +
            "set providers.remote.apiKey"
        ])
      })
    )

    it.effect("refuses what this version has no code for, where it would be used", () =>
      Effect.gen(function* () {
        const lines = yield* faultsOf(
          {
            ...minimal,
            [tenant]: `${tenantYaml}  plain: { kind: openai, apiKey: x }\nchannels:\n  chat: { kind: discord, token: x, agent: main }\n`,
            [main]: "model: plain/small\ninstructions: x\n"
          },
          {},
          { ...known, providerKinds: ["scripted"], channelKinds: [] }
        )
        assert.deepStrictEqual(lines, [
          `${main}:1:8: model: "plain/small" is of a provider of kind openai, which cannot be used yet`,
          `${tenant}:6:9: channels.chat: this version cannot connect to discord yet; set enabled: false`
        ])
      })
    )

    it.effect(
      "accepts thinking within the reply, and a long reply of a model whose window is for its provider to say",
      () =>
        Effect.gen(function* () {
          const own = "maxTokens: 300000\nthinking: { budget: 299999 }\neffort: max\n"
          const { tenants } = yield* loadFiles({ ...minimal, [main]: `${agentYaml}${own}` })
          assert.strictEqual(tenants.size, 1)
        })
    )

    it.effect("accepts a small window for small replies", () =>
      Effect.gen(function* () {
        const { tenants } = yield* loadFiles({
          ...minimal,
          [main]: `${agentYaml}maxTokens: 999\ncontext: { window: 1010 }`
        })
        assert.strictEqual(tenants.size, 1)
      })
    )

    it.effect("counts the agents against the tenant's limit", () =>
      Effect.gen(function* () {
        const files = { ...minimal, "tenants/default/agents/b.yaml": agentYaml }
        assert.deepStrictEqual(yield* faultsOf({ ...files, [tenant]: `${tenantYaml}limits:\n  agents: 1\n` }), [
          `${tenant}:5:11: limits.agents: the tenant has 2 agents, but may have only 1`
        ])
      })
    )

    it.effect("checks an agent's tools even when its tenant's file cannot be read", () =>
      Effect.gen(function* () {
        const lines = yield* faultsOf({ [tenant]: "name: 'x", [main]: `${agentYaml}tools: [exc]\n` })
        assert.deepStrictEqual(lines, [
          `${main}:3:9: tools[0]: expected a tool (one of exec, read_file), got "exc", did you mean \`exec\`?`,
          `${tenant}:1:9: a quote, bracket or colon is missing`
        ])
      })
    )
  })
})
