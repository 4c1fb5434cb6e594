package kg

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// plainLetters replaces letters that Unicode does not take apart into a letter
// and an accent.
var plainLetters = strings.NewReplacer(
	"ø", "o", "đ", "d", "ð", "d", "ł", "l", "ħ", "h", "ı", "i", "ŧ", "t", "æ", "ae", "œ", "oe", "þ", "th",
)

// accented lists the scripts in which a combining mark is an accent or a vowel
// point that people leave out. In others, such as Japanese and Devanagari, it
// changes the letter.
var accented = []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Hebrew, unicode.Arabic}

// FoldWords returns the words of a name in the form in which names are
// compared: compatibility-normalised (NFKC), case-folded, without accents and
// punctuation. Punctuation inside a word closes up: "T-Mall" is "tmall".
func FoldWords(name string) []string {
	name = strings.ToValidUTF8(name, "\ufffd") // beside other bytes the normal forms miss letters
	folded := cases.Fold().String(norm.NFKC.String(name))
	var b strings.Builder
	base := rune(0) // the letter that a mark belongs to
	for _, r := range norm.NFD.String(folded) {
		switch {
		case unicode.Is(unicode.Mn, r):
			if base != 0 && !unicode.In(base, accented...) && !unicode.Is(unicode.Variation_Selector, r) {
				b.WriteRune(r)
			}
		case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Mc, r):
			base = r
			b.WriteRune(unicode.ToLower(r)) // case folding makes capitals of Cherokee
		case unicode.IsSpace(r):
			base = 0
			b.WriteByte(' ')
		default:
			base = 0
		}
	}
	return strings.Fields(norm.NFC.String(plainLetters.Replace(b.String())))
}

// FoldName returns the key of the first pass: the folded words, closed up, so
// that "Auto Navi" and "AutoNavi" are one name.
func FoldName(name string) string { return closeUp(FoldWords(name)) }

func closeUp(words []string) string { return norm.NFC.String(strings.Join(words, "")) }

// CoreName returns the key of the second pass: as FoldName, but without the
// legal form of a company at its end (or, where a language puts it there, at
// its beginning). A name that is nothing but a legal form stays whole.
func CoreName(name string) string {
	all := FoldWords(name)
	core := closeUp(withoutSpacedForms(all))
	for {
		if core == "" || legalForms[core] || slices.Contains(closedLegalForms, core) {
			return closeUp(all)
		}
		rest := withoutClosedForm(core)
		if rest == core {
			return core
		}
		core = rest
	}
}

// CoreWords returns the folded words of a name without its legal form, as CoreName
// leaves it out.
func CoreWords(name string) []string {
	all := FoldWords(name)
	words := slices.Clone(withoutSpacedForms(all))
	if len(words) == 0 {
		return all
	}
	for _, at := range []int{len(words) - 1, 0} {
		for rest := withoutClosedForm(words[at]); rest != words[at]; rest = withoutClosedForm(rest) {
			words[at] = rest
		}
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	if len(words) == 0 {
		return all
	}
	return words
}

// BareWords returns the words of CoreWords that tell a name from others: without the
// legal forms that are written in full or in other letters than their own, of which
// names have one at an end, and without words that join others. What is nothing but
// those stays as CoreWords gives it. It is for comparing what may be one; names under
// which the store finds an entity are those of FoldName and CoreName.
func BareWords(name string) []string {
	all := CoreWords(name)
	words := all
	for _, form := range fullLegalForms {
		if rest := len(words) - len(form); rest > 0 && slices.Equal(words[rest:], form) {
			words = words[:rest]
			break
		}
		if len(words) > len(form) && slices.Equal(words[:len(form)], form) {
			words = words[len(form):]
			break
		}
	}
	bare := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return joiningWords[w] })
	if len(bare) == 0 {
		return all
	}
	return bare
}

// romanNumbers are those that number funds, series and ships.
var romanNumbers = set("i ii iii iv v vi vii viii ix x xi xii xiii xiv xv")

// SameNumbers reports that two names, in folded words, have the same numbers and
// single letters, in whatever order. Fund II is not Fund III misspelt, nor Plan A
// Plan B.
func SameNumbers(a, b []string) bool {
	numbers := func(words []string) []string {
		var found []string
		for _, w := range words {
			if len(w) == 1 || romanNumbers[w] || strings.ContainsFunc(w, unicode.IsNumber) {
				found = append(found, w)
			}
		}
		slices.Sort(found)
		return found
	}
	return slices.Equal(numbers(a), numbers(b))
}

// withoutSpacedForms drops legal forms that are words.
func withoutSpacedForms(words []string) []string {
	for {
		n := endingLegalForm(words)
		if n == 0 {
			break
		}
		words = words[:len(words)-n]
	}
	for len(words) > 1 && leadingLegalForms[words[0]] {
		words = words[1:]
	}
	return words
}

// endingLegalForm returns how many words at the end are a legal form.
func endingLegalForm(words []string) int {
	for n := min(len(words), maxSpacedForm); n > 1; n-- {
		if spacedLegalForms[strings.Join(words[len(words)-n:], "")] {
			return n
		}
	}
	if len(words) > 0 && legalForms[words[len(words)-1]] {
		return 1
	}
	return 0
}

// withoutClosedForm drops one legal form of those that are written without a space.
func withoutClosedForm(core string) string {
	for _, form := range closedLegalForms {
		if rest, ok := strings.CutSuffix(core, form); ok {
			return rest
		}
		if rest, ok := strings.CutPrefix(core, form); ok {
			return rest
		}
	}
	return core
}

func set(words string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// Legal forms as FoldWords writes them (ISO 20275 knows some two thousand;
// these are the ones that are written as words of a name, by language).
var (
	legalForms = set(`inc incorporated corp corporation co company ltd limited llc llp lp plc pllc jsc ojsc cjsc pjsc pcl
		gmbh ag aktiengesellschaft kg kgaa ohg ug se sa sas sasu sarl snc eurl sca spa srl sapa bv nv cv vof
		ab aktiebolag oy oyj as asa aps ans kft zrt nyrt doo dd ad ood eood sro spzoo spolka oo
		sl slu sau sab sadecv ltda limitada eireli lda sti pte pty bhd berhad sdn tbk kk gk yk
		ооо оао зао пао ао тоо`)
	// spacedLegalForms are closed up here and may be written with spaces, as
	// in S. A. de C. V. Two letters that may as well end a name, as in Plan A B,
	// are not among them.
	spacedLegalForms  = set("sa spa sas sl srl sarl nv bv llc plc doo sro spzoo spolkazoo sadecv sabdecv sapidecv sderl sderldecv")
	leadingLegalForms = set(`pt cv ooo oao zao pao ооо оао зао пао ао тоо`)
	closedLegalForms  = []string{
		"股份有限公司", "有限责任公司", "有限責任公司", "有限公司", "株式会社", "合同会社", "有限会社", "주식회사", "유한회사",
	}
)

// fullLegalForms are those that BareWords alone knows, in words, the longest first,
// since the longest that fits is the form. CoreName does not leave them out: an entity
// is found by its keys as by a name, engines store them, and ao, gongsi or limited
// partnership may be words of a name as well. To compare takes less certainty.
var fullLegalForms = func() [][]string {
	var forms [][]string
	for _, form := range []string{
		"limited liability company", "limited liability partnership", "limited partnership", "public limited company", "private limited company",
		"public joint stock company", "joint stock company", "gesellschaft mit beschrankter haftung", "besloten vennootschap", "naamloze vennootschap",
		"societe anonyme", "societe par actions simplifiee", "societe a responsabilite limitee", "sociedad anonima", "sociedad limitada", "sociedade anonima",
		"societa per azioni", "societa a responsabilita limitata", "kabushiki kaisha", "yugen kaisha", "godo kaisha", "youxian gongsi", "gufen youxian gongsi",
		"youxian zeren gongsi", "gongsi", "pao", "ao", "oao", "zao", "ooo",
		"публичное акционерное общество", "открытое акционерное общество", "акционерное общество", "общество с ограниченной ответственностью",
	} {
		forms = append(forms, FoldWords(form))
	}
	slices.SortStableFunc(forms, func(a, b []string) int { return len(b) - len(a) })
	return forms
}()

// joiningWords are left out or written as a sign.
var joiningWords = set("and und et the of")

// maxSpacedForm is the largest number of words of a spaced legal form: S. de R. L. de C. V.
const maxSpacedForm = 7

// collators holds collators for reuse: one is not safe for concurrent use.
var collators = sync.Pool{New: func() any { return collate.New(language.Und) }}

// maxCollationKey bounds a collation key; longer names are told apart by id.
const maxCollationKey = 96

func collationKey(s string) []byte {
	c := collators.Get().(*collate.Collator)
	defer collators.Put(c)
	var buf collate.Buffer
	key := c.KeyFromString(&buf, s)
	if len(key) > maxCollationKey {
		key = key[:maxCollationKey]
	}
	return append([]byte(nil), key...)
}
