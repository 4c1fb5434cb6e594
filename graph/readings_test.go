package graph_test

import "fmt"

// The operations into which questions are put. More than one question is put
// into those that have a name.

const cites = ` citations { source { id } locator attributedTo { name } } `

const (
	relationsOf = `query($name: String!, $types: [RelationType!], $direction: Direction, $during: Period, $asOf: PartialDate) {
  entity(by: { name: $name }) {
    relations(types: $types, direction: $direction, during: $during, asOf: $asOf, first: 1000) {
      nodes {
        type start note attributes { key value } from { id kind name } to { id kind name }` + cites + `
        ... on Link { label }
      }
    }
  }
}`
	relationsOfTwo = `query($one: String!, $other: String!, $types: [RelationType!], $otherTypes: [RelationType!]) {
  one: entity(by: { name: $one }) {
    relations(types: $types, first: 1000) { nodes { attributes { key value } from { id } to { id }` + cites + ` ... on Link { label } } }
  }
  other: entity(by: { name: $other }) {
    relations(types: $otherTypes, first: 1000) { nodes { attributes { key value } from { id } to { id }` + cites + ` ... on Link { label } } }
  }
}`
	figuresOf = `query($name: String!, $metric: String!, $during: Period) {
  entity(by: { name: $name }) { observations(metric: $metric, during: $during, first: 1000) { nodes { ...figure } } }
}` + figure
	figuresOfTwo = `query($one: String!, $other: String!, $metric: String!, $otherMetric: String!, $during: Period) {
  one: entity(by: { name: $one }) { observations(metric: $metric, during: $during, first: 1000) { nodes { ...figure } } }
  other: entity(by: { name: $other }) { observations(metric: $otherMetric, during: $during, first: 1000) { nodes { ...figure } } }
}` + figure
	figuresOfApps = `query($metric: String!, $during: Period) {
  taobao: product(name: "Taobao") { ...app }
  tmall: product(name: "Tmall") { ...app }
  aliexpress: product(name: "AliExpress") { ...app }
}
fragment app on Product { id observations(metric: $metric, during: $during) { nodes { value` + cites + `} } }`
	figure         = ` fragment figure on Observation { value date unit qualifier nature period scope dimensions { key value }` + cites + `}`
	acquisitionsOf = `query($name: String!, $during: Period) {
  company(name: $name) { acquisitions(during: $during, first: 1000) { edges { node { id } relation { start` + cites + `} } } }
}`
	acquirersOf = `query($name: String!, $during: Period) {
  company(name: $name) { acquiredBy(during: $during) { edges { node { id name } relation { start` + cites + `} } } }
}`
	investmentsOf = `query($name: String!, $during: Period) {
  company(name: $name) { investments(during: $during) { edges { node { id name } relation { amount { amount currency }` + cites + `} } } }
}`
	holdingsOf = `query($name: String!, $minStake: Float) {
  company(name: $name) {
    subsidiaries(minStake: $minStake, first: 1000) {
      edges {
        node { id name relations(types: [PART_OF], direction: OUT) { nodes { to { name } } } }
        relation { stake { exact min max wording }` + cites + `}
      }
    }
  }
}`
	ownersOf = `query($name: String!) {
  company(name: $name) {
    owners { edges { node { id name } relation { stake { exact }` + cites + `} } }
    observations(metric: "stake_held_by_alibaba") { nodes { ...figure } }
  }
}` + figure
	partnersOf = `query($name: String!) {
  company(name: $name) { partners(first: 1000) { edges { node { id } relation { focus` + cites + `} } } }
}`
	peopleOf = `query($name: String!, $asOf: PartialDate) {
  company(name: $name) { people(asOf: $asOf) { edges { node { id name } relation { title` + cites + `} } } }
}`
	rolesOf = `query($name: String!) {
  person(name: $name) { roles { edges { node { id name } relation { title` + cites + `} } } }
}`
	namesOf = `query($name: String!) {
  entity(by: { name: $name }) { id names { text lang kind` + cites + `}` + cites + `}
}`
	conflictsOver = `query($name: String!) {
  conflicts(about: { name: $name }) { predicate kind rule claims { value` + cites + `} }
}`
)

// Paths that occur more than once.
const (
	relationNodes = "entity.relations.nodes"
	figureNodes   = "entity.observations.nodes"
	acquiredEdges = "company.acquisitions.edges"
	acquirerEdges = "company.acquiredBy.edges"
	holdingEdges  = "company.subsidiaries.edges"
)

// claims returns what is said in the conflicts that fulfil the condition.
func claims(condition string) extract { return take("conflicts["+condition+"].claims", "value") }

// readings is the table of all questions. No reading knows the answer: what
// narrows it down stands in the question.
var readings = []reading{
	// One step.
	{id: "q-001", query: relationsOf, vars: vars{"name": "Alibaba", "types": "HEADQUARTERED_IN"}, found: take(relationNodes, "to.id")},
	{id: "q-002", query: rolesOf, vars: vars{"name": "Paul Haswell"}, found: take("person.roles.edges", "node.id")},
	{id: "q-003", query: rolesOf, vars: vars{"name": "Toby Xu"}, found: take("person.roles.edges[node.name~^Alibaba]", "relation.title")},
	{
		id: "q-005", query: relationsOf, vars: vars{"name": "Michael Evans", "types": "RELATED_TO", "direction": "OUT"},
		found: take(relationNodes+"[label~^formerly][attributes.value~bank]", "to.id"),
	},
	{id: "q-008", query: relationsOf, vars: vars{"name": "iQIYI", "types": "FOUNDED", "direction": "IN"}, found: take(relationNodes, "from.id")},
	{id: "q-012", query: namesOf, vars: vars{"name": "Amap"}, found: take("entity.names[kind=FORMER]", "text")},
	{id: "q-016", query: partnersOf, vars: vars{"name": "Alibaba"}, found: take("company.partners.edges[relation.focus~logistics|deliver]", "node.id")},
	{id: "q-017", query: partnersOf, vars: vars{"name": "Alibaba"}, found: take("company.partners.edges[relation.focus~mobile.*IoT]", "node.id")},
	{id: "q-018", query: partnersOf, vars: vars{"name": "Alibaba"}, found: take("company.partners.edges[relation.focus~enterprise software]", "node.id")},
	{
		id: "q-019", query: relationsOf, vars: vars{"name": "Alipay", "types": "PARTNERS_WITH", "during": "2016"},
		found: take(relationNodes+"[start~^2016]", "to.id"),
	},
	{
		id: "q-021", query: relationsOf, vars: vars{"name": "Alibaba Cloud", "types": "CUSTOMER_OF", "direction": "IN"},
		found: take(relationNodes+"[from.kind=ORGANIZATION][attributes.value~big data]", "from.id"),
	},
	{
		id: "q-024", query: relationsOf, vars: vars{"name": "Lazada", "types": "OPERATES_IN"},
		found: take(relationNodes+"[attributes.value~e-commerce platform]", "to.id"),
	},
	{
		id: "q-029", query: relationsOf, vars: vars{"name": "Alipay", "types": "COMPETES_WITH"},
		found: take(relationNodes+"[citations.attributedTo.name~.]", "to.id"),
	},
	{
		id: "q-030", query: relationsOf, vars: vars{"name": "Youku", "types": "COMPETES_WITH"},
		found: take(relationNodes+"[note~larger in China]", "to.id"),
	},
	{
		id: "q-031", query: relationsOf, vars: vars{"name": "Alibaba", "types": "OFFERS", "direction": "OUT"},
		found: take(relationNodes+"[attributes.value~AI customer service]", "to.id"),
	},
	{
		id: "q-032", query: relationsOf, vars: vars{"name": "Tongyi Lingma", "types": "RELATED_TO", "direction": "IN"},
		found: take(relationNodes+"[label=powers]", "from.id"),
	},
	{id: "q-034", query: relationsOf, vars: vars{"name": "Model Studio", "types": "OFFERS", "direction": "OUT"}, found: take(relationNodes, "to.id")},
	{
		id: "q-035", query: relationsOf, vars: vars{"name": "Alibaba.com", "types": "OFFERS", "direction": "OUT"},
		found: take(relationNodes+"[label~compensation of buyers]", "to.id"),
	},
	{
		id: "q-038", query: relationsOf, vars: vars{"name": "Alibaba", "types": "RELATED_TO", "direction": "OUT"},
		found: take(relationNodes+"[label=similar to][note~business model]", "to.id"),
	},
	{
		id: "q-040", query: relationsOf, vars: vars{"name": "Fliggy F5 membership", "types": "RELATED_TO", "direction": "OUT"},
		found: take(relationNodes+"[label~status]", "to.id"),
	},
	{
		id: "q-041", query: relationsOf, vars: vars{"name": "Alibaba (Part 2)", "types": "RELATED_TO", "direction": "OUT"},
		found: take(relationNodes+"[label=written by]", "to.id"),
	},
	{
		id: "q-042", query: relationsOf, vars: vars{"name": "cloud computing segment", "types": "PART_OF", "direction": "IN"},
		found: take(relationNodes, "from.id"),
	},
	{
		id: "q-045", query: relationsOf, vars: vars{"name": "International Digital Commerce Group", "types": "PART_OF", "direction": "IN"},
		found: take(relationNodes+"[from.kind~COMPANY|PRODUCT]", "from.id"),
	},
	{
		id: "q-048", query: relationsOf, vars: vars{"name": "Ian McAllister", "types": "RELATED_TO", "direction": "OUT"},
		found: take(relationNodes+"[label=published on][attributes.value~working-backwards]", "to.id"),
	},

	// Two steps and more, in one operation.
	{
		id: "q-050", query: `{
  company(name: "Alibaba") {
    subsidiaries(first: 1000) {
      edges {
        relation {` + cites + `}
        node { name relations(types: [CUSTOMER_OF], direction: IN, first: 1000) { nodes { from { id }` + cites + `} } }
      }
    }
  }
}`, found: take(holdingEdges+"[node.name~cloud]", "node.relations.nodes.from.id"),
	},
	{
		id: "q-053", query: `{
  company(name: "South China Morning Post") {
    owners {
      edges {
        relation {` + cites + `}
        node {
          ... on Company {
            people {
              edges {
                relation { title` + cites + `}
                node { relations(types: [RELATED_TO], direction: OUT) { nodes { to { id } attributes { value }` + cites + ` ... on Link { label } } } }
              }
            }
          }
        }
      }
    }
  }
}`, found: take("company.owners.edges", "node.people.edges[relation.title=President].node.relations.nodes[label~^formerly][attributes.value~bank].to.id"),
	},
	{
		id: "q-054", query: `{
  company(name: "Alibaba") {
    acquisitions(during: "2014") {
      edges {
        relation {` + cites + `}
        node { relations(types: [LISTED_ON], direction: OUT, asOf: "2025") { nodes { to { id }` + cites + `} } }
      }
    }
  }
}`, found: take(acquiredEdges, "node.relations.nodes.to.id"),
	},
	{
		id: "q-056", query: `{
  company(name: "Alibaba") {
    subsidiaries(first: 1000) {
      nodes {
        relations(types: [COMPETES_WITH]) {
          nodes {` + cites + `to { relations(types: [FOUNDED], direction: IN) { nodes { from { id kind }` + cites + `} } } }
        }
      }
    }
  }
}`, found: take("company.subsidiaries.nodes.relations.nodes", "to.relations.nodes[from.kind=COMPANY].from.id"),
	},
	{
		id: "q-058", query: relationsOf, vars: vars{"name": "ChinaVision Media", "types": "PART_OF", "direction": "OUT"},
		found: take(relationNodes+"[to.kind=SEGMENT]", "to.id"),
	},
	{
		id: "q-062", query: `{
  company(name: "Alibaba") {
    acquisitions(first: 1000) {
      edges {
        relation { stake { wording }` + cites + `}
        node {
          relations(types: [OFFERS], direction: OUT) {
            nodes {` + cites + `
              to { id relations(types: [MERGED_INTO], direction: OUT) { nodes { to { names { text } }` + cites + `} } }
            }
          }
        }
      }
    }
  }
}`, found: take(acquiredEdges+"[relation.stake.wording~controlling]", "node.relations.nodes[to.relations.nodes.to.names.text=Ant Financial].to.id"),
	},
	{
		id: "q-063", query: `{
  entity(by: { name: "Lazada" }) {
    relations(types: [OFFERS], direction: OUT) {
      nodes {
        ... on Link { label }` + cites + `
        to {
          name
          relations(types: [RELATED_TO], direction: OUT) {
            nodes {
              ... on Link { label }
              to { name relations(types: [OPERATES_IN], direction: OUT) { nodes { note to { id }` + cites + `} } }
            }
          }
        }
      }
    }
  }
}`, found: take(
			relationNodes+"[label~payment].to.relations.nodes[label=rebranded as][to.name=Alipay].to.relations.nodes[note~new name of helloPay]", "to.id"),
	},
	{
		id: "q-065", query: relationsOfTwo, vars: vars{"one": "Lazada", "types": "OPERATES_IN", "other": "Alibaba Cloud", "otherTypes": "OPERATES_IN"},
		found: common(
			take("one.relations.nodes[attributes.value~platform]", "to.id"), take("other.relations.nodes[attributes.value=data centre]", "to.id")),
	},
	{
		id: "q-066", query: relationsOfTwo, vars: vars{"one": "Lazada", "types": "OPERATES_IN", "other": "Alipay", "otherTypes": "OPERATES_IN"},
		found: common(take("one.relations.nodes", "to.id"), take("other.relations.nodes", "to.id")),
	},
	{
		id: "q-067", query: relationsOfTwo, vars: vars{"one": "Alibaba Cloud", "types": "CUSTOMER_OF", "other": "Alibaba", "otherTypes": "RELATED_TO"},
		found: common(take("one.relations.nodes", "from.id"), take("other.relations.nodes[label=has presence on]", "to.id")),
	},
	{
		id: "q-068", query: relationsOfTwo, vars: vars{"one": "AliExpress", "types": "OPERATES_IN", "other": "Cainiao", "otherTypes": "OPERATES_IN"},
		found: common(take("one.relations.nodes", "to.id"), take("other.relations.nodes[attributes.value~next-day]", "to.id")),
	},
	{
		id: "q-070", query: `{
  entity(by: { name: "Quark AI Glasses" }) {
    relations(types: [RELATED_TO], direction: OUT) {
      nodes {` + cites + `
        ... on Link { label }
        to { id relations(types: [PART_OF], direction: OUT) { nodes { to { name }` + cites + `} } }
      }
    }
  }
}`, found: take(relationNodes+"[label=sold through][to.relations.nodes.to.name~China E-commerce Group]", "to.id"),
	},
	{
		id: "q-071", query: `{
  entity(by: { name: "88VIP" }) {
    relations(types: [RELATED_TO], direction: OUT) {
      nodes {` + cites + `
        ... on Link { label }
        to { name relations(types: [RELATED_TO], direction: OUT) { nodes { to { id } attributes { value }` + cites + ` ... on Link { label } } } }
      }
    }
  }
}`, found: take(relationNodes+"[label=includes benefit][to.name~Fliggy]", "to.relations.nodes[attributes.value=gold].to.id"),
	},
	{
		id: "q-288", query: `{
  company(name: "Alibaba") {
    acquisitions(first: 1000) {
      edges {
        relation { stake { wording }` + cites + `}
        node { id owners { edges { node { name } relation { stake { exact }` + cites + `} } } }
      }
    }
  }
}`, found: take(acquiredEdges+"[relation.stake.wording~controlling][node.owners.edges.relation.stake.exact=97.1]", "node.id"),
	},

	// Times.
	{id: "q-077", query: acquisitionsOf, vars: vars{"name": "Alibaba", "during": "2014"}, found: take(acquiredEdges, "node.id")},
	{id: "q-078", query: acquisitionsOf, vars: vars{"name": "Alibaba", "during": "2016"}, found: take(acquiredEdges, "node.id")},
	{id: "q-082", query: acquirersOf, vars: vars{"name": "Lazada"}, found: take(acquirerEdges+"[node.name~^Alibaba]", "relation.start")},
	{id: "q-083", query: acquirersOf, vars: vars{"name": "Youku"}, found: take(acquirerEdges+"[node.name~^Alibaba]", "relation.start")},
	{
		id: "q-084", query: relationsOf, vars: vars{"name": "AutoNavi", "types": "ACQUIRED", "direction": "IN"},
		found: take(relationNodes+"[from.name~^Alibaba][attributes.value=taken private]", "start"),
	},
	{
		id: "q-087", query: relationsOf, vars: vars{"name": "Michael Evans", "types": "RELATED_TO"},
		found: take(relationNodes+"[label=joined][to.name~^Alibaba]", "start"),
	},
	{
		id: "q-089", query: `{ relations(types: [OFFERS], during: "2025", first: 1000) { nodes { start to { id }` + cites + `} } }`,
		found: take("relations.nodes[start~^2025]", "to.id"),
	},
	{id: "q-090", query: figuresOf, vars: vars{"name": "Quark AI Glasses", "metric": "launch_date"}, found: figures(figureNodes)},
	{
		id: "q-094", query: relationsOf, vars: vars{"name": "DingTalk", "types": "PART_OF", "direction": "OUT", "asOf": "2021-04"},
		found: take(relationNodes+"[start=2021-04]", "to.id"),
	},
	{id: "q-095", query: figuresOf, vars: vars{"name": "Singles' Day", "metric": "international_brands", "during": "2016"}, found: figures(figureNodes)},
	{
		id: "q-097", query: figuresOf, vars: vars{"name": "Alibaba Cloud", "metric": "revenue", "during": "2017-07-01/2017-09-30"},
		found: figures(figureNodes + "[unit=CNY]"),
	},
	{
		id: "q-100", query: figuresOf, vars: vars{"name": "core commerce", "metric": "share_of_group_revenue", "during": "2016-04-01/2017-03-31"},
		found: figures(figureNodes),
	},
	{id: "q-102", query: peopleOf, vars: vars{"name": "Alibaba", "asOf": "2017-11"}, found: take("company.people.edges[relation.title~^executive chairman$]", "node.id")},
	{
		id: "q-103", query: relationsOf, vars: vars{"name": "Singles' Day", "types": "RELATED_TO", "direction": "IN", "during": "2017"},
		found: take(relationNodes+"[label=excluded from]", "from.id"),
	},
	{id: "q-286", query: acquisitionsOf, vars: vars{"name": "Alibaba", "during": "2016/.."}, found: take(acquiredEdges, "node.id")},
	{
		id: "q-287", query: `{
  entities(kinds: [COMPANY, PRODUCT], first: 1000) {
    nodes {
      id
      founded: observations(metric: "founded_date") { nodes { date` + cites + `} }
      launched: observations(metric: "launch_date") { nodes { date` + cites + `} }
    }
  }
}`, found: all(take("entities.nodes[founded.nodes.date<2010]", "id"), take("entities.nodes[launched.nodes.date<2010]", "id")),
	},

	// Shares.
	{id: "q-108", query: holdingsOf, vars: vars{"name": "Alibaba", "minStake": 100}, found: take(holdingEdges, "node.id")},
	{id: "q-109", query: holdingsOf, vars: vars{"name": "Alibaba", "minStake": 80}, found: take(holdingEdges+"[relation.stake.max<95]", "node.id")},
	{
		// A unit or arm of Alibaba is not called owned.
		id: "q-112", query: holdingsOf, vars: vars{"name": "Alibaba"},
		found: take(holdingEdges+"[node.relations.nodes.to.name~digital media][relation.stake.wording!~.]", "node.id"),
	},
	{id: "q-113", query: holdingsOf, vars: vars{"name": "Alibaba"}, found: apart(stakes(holdingEdges + "[node.name~^(Lazada|Trendyol)$]"))},
	{
		id: "q-114", query: `{
  entity(by: { name: "Alibaba" }) {
    relations(types: [AFFILIATE_OF], direction: IN) { nodes { from { id ... on Company { owners { totalCount } } }` + cites + `} }
  }
}`, found: take(relationNodes+"[from.owners.totalCount=0]", "from.id"),
	},
	{id: "q-117", query: holdingsOf, vars: vars{"name": "Alibaba"}, found: ranked(holdingEdges, "relation.stake.exact", "node.id")},
	{
		id: "q-118", query: holdingsOf, vars: vars{"name": "Alibaba"},
		found: take(holdingEdges+"[relation.stake.wording~subsidiary][node.relations.nodes.to.name~cloud]", "node.id"),
	},

	// Sums, counts and comparisons.
	{
		id: "q-119", query: relationsOf, vars: vars{"name": "Alibaba Cloud", "types": "CUSTOMER_OF", "direction": "IN"},
		found: counted(take(relationNodes, "from.id")),
	},
	{
		id: "q-120", query: relationsOf, vars: vars{"name": "Alibaba", "types": "ACQUIRED", "direction": "OUT"},
		found: counted(take(relationNodes+"[citations.attributedTo.name=Crunchbase]", "to.id")),
	},
	{
		id: "q-123", query: relationsOf, vars: vars{"name": "Alibaba Cloud", "types": "OPERATES_IN", "during": "2017"},
		found: counted(take(relationNodes+"[attributes.value=data centre]", "to.id")),
	},
	{
		id: "q-126", query: figuresOfTwo, vars: vars{"one": "Taobao", "other": "Tmall", "metric": "annual_active_consumers", "otherMetric": "annual_active_consumers"},
		found: summed(all(figures("one.observations.nodes"), figures("other.observations.nodes"))),
	},
	{
		id: "q-128", query: figuresOf, vars: vars{"name": "Alibaba", "metric": "rd_spend", "during": "2022-04-01/2023-03-31"},
		found: largestItem(figureNodes + "[dimensions.key=category]"),
	},
	{
		id: "q-130", query: figuresOf, vars: vars{"name": "Alibaba Cloud", "metric": "revenue", "during": "2022-04-01/2023-03-31"},
		found: summed(figures(figureNodes + "[dimensions.value~^(enterprise|public)-cloud$]")),
	},
	{
		id: "q-131", query: figuresOfTwo,
		vars:  vars{"one": "Alimama", "other": "Taobao and Tmall Group", "metric": "advertising_revenue", "otherMetric": "advertising_revenue", "during": "2023"},
		found: summed(all(figures("one.observations.nodes"), figures("other.observations.nodes"))),
	},
	{
		id: "q-132", query: figuresOfTwo,
		vars:  vars{"one": "Alipay", "other": "Ant micro-loans", "metric": "transaction_fee_revenue", "otherMetric": "revenue", "during": "2023"},
		found: summed(all(figures("one.observations.nodes"), figures("other.observations.nodes"))),
	},
	{
		id: "q-133", query: investmentsOf, vars: vars{"name": "Alibaba", "during": "../2017-11"},
		found: summed(sums("company.investments.edges[node.name~^(Lazada|Paytm E-Commerce)$]", "relation.amount")),
	},
	{
		id: "q-136", query: figuresOfTwo, vars: vars{"one": "Lazada", "other": "Trendyol", "metric": "integrated_sellers", "otherMetric": "integrated_sellers"},
		found: summed(all(figures("one.observations.nodes"), figures("other.observations.nodes"))),
	},
	{
		id: "q-137", query: `{
  company(name: "Amazon") { products { nodes { observations(metric: "revenue", during: "2021") { nodes { ...figure } } } } }
}` + figure, found: summed(figures("company.products.nodes.observations.nodes")),
	},
	{id: "q-138", query: figuresOfApps, vars: vars{"metric": "app_downloads_total"}, found: mostOfApps},
	{id: "q-289", query: figuresOfApps, vars: vars{"metric": "monthly_active_users", "during": "2023"}, found: mostOfApps},
	{
		id: "q-140", query: `{
  entity(by: { name: "Alibaba" }) {
    relations(types: [PART_OF], direction: IN, first: 1000) {
      nodes { from { observations(metric: "share_of_group_revenue", during: "2016-04-01/2017-03-31") { nodes { ...figure } } } }
    }
  }
}` + figure, found: summed(figures(relationNodes + ".from.observations.nodes")),
	},
	{
		id: "q-142", query: figuresOf, vars: vars{"name": "Alibaba", "metric": "platform_operating_spend", "during": "2023"},
		found: summed(figures(figureNodes + "[dimensions.key=category]")),
	},

	// Where the sources disagree.
	{id: "q-147", query: conflictsOver, vars: vars{"name": "Alibaba"}, found: claims("predicate=founders")},
	{id: "q-149", query: conflictsOver, vars: vars{"name": "Alibaba"}, found: claims("predicate=number_of_segments")},
	{id: "q-150", query: conflictsOver, vars: vars{"name": "DingTalk"}, found: claims("predicate=part_of")},
	{id: "q-151", query: conflictsOver, vars: vars{"name": "Amap"}, found: claims("predicate=part_of")},
	{id: "q-152", query: conflictsOver, vars: vars{"name": "Taobao"}, found: claims("predicate~^annual_active")},
	{id: "q-153", query: conflictsOver, vars: vars{"name": "Tmall"}, found: claims("predicate~^annual_active")},
	{id: "q-155", query: conflictsOver, vars: vars{"name": "Tmall"}, found: claims("predicate=monthly_active_users")},
	{id: "q-157", query: conflictsOver, vars: vars{"name": "AliExpress"}, found: claims("predicate~^(annual_active|active_buyers|consumers|users)")},
	{id: "q-158", query: conflictsOver, vars: vars{"name": "Taobao"}, found: claims("predicate=annual_transaction_volume")},
	{id: "q-161", query: conflictsOver, vars: vars{"name": "Cloud Intelligence Group"}, found: claims("claims.value~second quarter of 2025")},
	{id: "q-163", query: conflictsOver, vars: vars{"name": "Alibaba Cloud"}, found: claims("predicate=enterprise_customers")},
	{id: "q-166", query: conflictsOver, vars: vars{"name": "Alibaba"}, found: claims("predicate=ai_cloud_investment_pledge")},
	{id: "q-167", query: conflictsOver, vars: vars{"name": "88VIP"}, found: claims("predicate=members")},
	{id: "q-171", query: conflictsOver, vars: vars{"name": "Alibaba"}, found: claims("predicate=rd_spend")},
	{id: "q-174", query: conflictsOver, vars: vars{"name": "Alibaba Cloud"}, found: claims("predicate~rank")},

	// Figures.
	{id: "q-177", query: figuresOf, vars: vars{"name": "Alibaba Cloud", "metric": "peak_orders_per_second", "during": "2015"}, found: figures(figureNodes)},
	{id: "q-178", query: figuresOf, vars: vars{"name": "Alibaba.com", "metric": "paying_members", "during": "2016-03"}, found: figures(figureNodes)},
	{id: "q-180", query: figuresOf, vars: vars{"name": "Lazada", "metric": "population_of_markets"}, found: figures(figureNodes)},
	{id: "q-181", query: figuresOf, vars: vars{"name": "Lazada", "metric": "internet_users_in_markets", "during": "2016"}, found: figures(figureNodes)},
	{id: "q-182", query: figuresOf, vars: vars{"name": "Alipay", "metric": "users", "during": "2017"}, found: figures(figureNodes)},
	{
		id: "q-185", query: figuresOf, vars: vars{"name": "Alibaba Cloud", "metric": "revenue_growth_yoy", "during": "2017-07-01/2017-09-30"},
		found: figures(figureNodes),
	},
	{id: "q-187", query: investmentsOf, vars: vars{"name": "Alibaba"}, found: sums("company.investments.edges[node.name=Paytm E-Commerce]", "relation.amount")},
	{id: "q-188", query: figuresOf, vars: vars{"name": "Alibaba Cloud", "metric": "revenue", "during": "2020-04-01/2021-03-31"}, found: figures(figureNodes)},
	{id: "q-189", query: figuresOf, vars: vars{"name": "cloud computing segment", "metric": "share_of_group_revenue", "during": "2021"}, found: figures(figureNodes)},
	{id: "q-192", query: figuresOf, vars: vars{"name": "Cainiao", "metric": "packages_delivered", "during": "2022"}, found: figures(figureNodes)},
	{id: "q-193", query: figuresOf, vars: vars{"name": "Ant Group", "metric": "partner_banks"}, found: figures(figureNodes)},
	{id: "q-197", query: figuresOf, vars: vars{"name": "Alibaba Cloud", "metric": "regions", "during": "2025-03"}, found: figures(figureNodes)},
	{id: "q-199", query: figuresOf, vars: vars{"name": "Alibaba", "metric": "patents_total"}, found: figures(figureNodes)},
	{id: "q-200", query: figuresOf, vars: vars{"name": "Alibaba", "metric": "employees", "during": "2024"}, found: figures(figureNodes)},
	{id: "q-203", query: figuresOf, vars: vars{"name": "Alibaba", "metric": "data_processed_per_day"}, found: figures(figureNodes)},
	{id: "q-204", query: figuresOf, vars: vars{"name": "HEMA", "metric": "stores", "during": "2023"}, found: figures(figureNodes)},
	{id: "q-209", query: figuresOf, vars: vars{"name": "Youku", "metric": "annual_content_investment"}, found: figures(figureNodes)},
	{id: "q-210", query: figuresOf, vars: vars{"name": "Dianxiaomi", "metric": "queries_handled", "during": "2025"}, found: figures(figureNodes)},
	{id: "q-211", query: figuresOf, vars: vars{"name": "Qwen", "metric": "downloads"}, found: figures(figureNodes)},
	{
		id: "q-213", query: figuresOf, vars: vars{"name": "Alibaba", "metric": "adjusted_earnings_per_ads_change", "during": "2025-07-01/2025-09-30"},
		found: figures(figureNodes),
	},
	{id: "q-214", query: figuresOf, vars: vars{"name": "Amap", "metric": "daily_active_users", "during": "2025-10-01"}, found: figures(figureNodes)},
	{id: "q-218", query: figuresOf, vars: vars{"name": "Quark AI Glasses S1", "metric": "starting_price"}, found: figures(figureNodes + "[unit=CNY]")},
	{id: "q-221", query: figuresOf, vars: vars{"name": "Singles' Day", "metric": "brands_over_1_billion_cny_gmv", "during": "2024"}, found: figures(figureNodes)},
	{id: "q-223", query: figuresOf, vars: vars{"name": "Cainiao", "metric": "revenue_growth_yoy", "during": "2025-01-01/2025-03-31"}, found: figures(figureNodes)},
	{id: "q-226", query: figuresOf, vars: vars{"name": "Alibaba Cloud", "metric": "ai_cloud_market_share"}, found: figures(figureNodes + "[scope=China]")},
	{
		id: "q-228", query: figuresOf, vars: vars{"name": "Alibaba", "metric": "product_development_expense", "during": "2025-07-01/2025-09-30"},
		found: figures(figureNodes),
	},
	{id: "q-231", query: figuresOf, vars: vars{"name": "Alibaba", "metric": "target_company_lifetime"}, found: figures(figureNodes)},
	{
		id: "q-232", query: figuresOfTwo, vars: vars{"one": "Alibaba", "other": "Alibaba", "metric": "revenue", "otherMetric": "net_income", "during": "2022"},
		found: all(figures("one.observations.nodes"), figures("other.observations.nodes")),
	},
	{id: "q-234", query: figuresOf, vars: vars{"name": "Alibaba", "metric": "funds_raised"}, found: figures(figureNodes)},
	{
		id: "q-235", query: figuresOfTwo, vars: vars{"one": "Qwen 2.5", "other": "Qwen 2.5", "metric": "parameters_min", "otherMetric": "parameters_max"},
		found: all(figures("one.observations.nodes"), figures("other.observations.nodes")),
	},

	// Names in several languages.
	{id: "q-237", query: figuresOf, vars: vars{"name": "钉钉", "metric": "launch_date"}, found: figures(figureNodes)},
	{id: "q-239", query: namesOf, vars: vars{"name": "高德地图"}, found: all(take("entity", "id"), take("entity.names[kind=FORMER]", "text"))},
	{id: "q-241", query: acquirersOf, vars: vars{"name": "大麦网"}, found: take(acquirerEdges+"[node.name~^Alibaba]", "relation.start")},
	{id: "q-243", query: figuresOf, vars: vars{"name": "蚂蚁集团", "metric": "founded_date"}, found: figures(figureNodes)},
	{id: "q-246", query: relationsOf, vars: vars{"name": "百度地图", "types": "COMPETES_WITH"}, found: take(relationNodes, "from.id")},
	{id: "q-248", query: namesOf, vars: vars{"name": "DingTalk"}, found: take("entity.names[lang=zh]", "text")},
	{id: "q-249", query: ownersOf, vars: vars{"name": "Trendyol"}, found: stakes("company.owners.edges[node.name~^Alibaba]")},
	{id: "q-252", query: figuresOf, vars: vars{"name": "Youku", "metric": "monthly_active_users"}, found: figures(figureNodes)},
	{id: "q-254", query: namesOf, vars: vars{"name": "groupe ANT"}, found: take("entity", "id")},
	{
		id: "q-255", query: `{
  entity(by: { name: "Microlans de fourmi" }) { id` + cites + `observations(metric: "total_users") { nodes { ...figure } } }
}` + figure, found: all(take("entity", "id"), figures(figureNodes)),
	},
	{id: "q-257", query: figuresOf, vars: vars{"name": "Taobao", "metric": "annual_transaction_volume"}, found: figures(figureNodes + "[unit=USD]")},
	{id: "q-258", query: namesOf, vars: vars{"name": "Aliyun"}, found: take("entity", "id")},

	// What the documents do not say.
	{id: "q-260", query: relationsOf, vars: vars{"name": "AliExpress", "types": "FOUNDED", "direction": "IN"}, found: take(relationNodes, "from.id")},
	{id: "q-261", query: acquirersOf, vars: vars{"name": "UCWeb", "during": "../2025"}, found: take(acquirerEdges, "relation.start")},
	{id: "q-263", query: acquirersOf, vars: vars{"name": "Wandoujia"}, found: take(acquirerEdges, "relation.start")},
	{id: "q-266", query: ownersOf, vars: vars{"name": "Ant Group"}, found: all(stakes("company.owners.edges"), figures("company.observations.nodes"))},
	{id: "q-268", query: ownersOf, vars: vars{"name": "South China Morning Post"}, found: all(stakes("company.owners.edges"), figures("company.observations.nodes"))},
	{id: "q-270", query: relationsOf, vars: vars{"name": "Alibaba Group", "types": "LISTED_ON", "direction": "OUT"}, found: take(relationNodes, "to.id")},
	{id: "q-271", query: namesOf, vars: vars{"name": "Alibaba Group"}, found: take("entity.names[lang=zh]", "text")},
	{id: "q-272", query: peopleOf, vars: vars{"name": "Alibaba Cloud"}, found: take("company.people.edges[relation.title~CEO|chief executive]", "node.id")},
	{id: "q-273", query: peopleOf, vars: vars{"name": "Alibaba"}, found: take("company.people.edges[relation.title~CEO|chief executive]", "node.id")},
	{
		id: "q-275", query: relationsOf, vars: vars{"name": "Alibaba", "types": "COMPETES_WITH"},
		found: all(take(relationNodes, "from[name~^JD].id"), take(relationNodes, "to[name~^JD].id")),
	},
	{id: "q-278", query: figuresOf, vars: vars{"name": "Singles' Day", "metric": "transaction_value", "during": "2016"}, found: figures(figureNodes)},
	{id: "q-279", query: figuresOf, vars: vars{"name": "Alibaba Cloud", "metric": "employees"}, found: figures(figureNodes)},
	{id: "q-283", query: `{ sources { author published } }`, found: take("sources[published~^2017]", "author")},
}

// mostOfApps is the app with the largest of its figures.
var mostOfApps = func(data any) []fact {
	apps := data.(map[string]any)
	return most("apps", "observations.nodes.value", "id")(map[string]any{"apps": []any{apps["taobao"], apps["tmall"], apps["aliexpress"]}})
}

// largestItem names what the largest of the figures is about, and how large it is.
func largestItem(items string) extract {
	return func(data any) []fact {
		facts := most(items, "value", "dimensions.value")(data)
		for i, f := range facts {
			figure := f.from.([]any)[0].(map[string]any)
			facts[i].value = fmt.Sprintf("%s (%.0f %s)", f.value, figure["value"], figure["unit"])
		}
		return facts
	}
}
