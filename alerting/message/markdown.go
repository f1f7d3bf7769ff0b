package message

import (
	"bytes"
	"html"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
)

// formats are the Markdown of messages and what of HTML may be in a mail. Both
// never change once made.
type formats struct {
	markdown goldmark.Markdown
	policy   *bluemonday.Policy
}

var format = sync.OnceValue(func() formats {
	// Raw HTML is left out by goldmark; the policy is there for what a later
	// version might let through, and for the schemes of links.
	policy := bluemonday.NewPolicy()
	policy.AllowElements("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "del", "code", "pre", "blockquote",
		"ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td")
	policy.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	policy.AllowAttrs("align").Matching(bluemonday.CellAlign).OnElements("th", "td")
	policy.AllowAttrs("alt").OnElements("img")
	policy.AllowAttrs("src").Matching(regexp.MustCompile(`^(https?://|xvalue[0-9]*x)`)).OnElements("img")
	policy.AllowAttrs("href").OnElements("a")
	policy.AllowStandardURLs()
	policy.AllowURLSchemes("http", "https", "mailto")
	policy.AllowRelativeURLs(true) // the mark of a value, until it is filled in
	policy.RequireNoFollowOnLinks(false)
	return formats{
		markdown: goldmark.New(
			goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)), extension.Strikethrough, extension.Linkify),
			goldmark.WithRendererOptions(gmhtml.WithHardWraps()), // people write lines and mean them
		),
		policy: policy,
	}
})

// Page writes Markdown as HTML that is safe to put into a page. A picture whose
// address shown refuses becomes a link to it.
func Page(markdown string, shown func(address string) bool) (string, error) {
	source := []byte(strings.TrimSpace(markdown))
	f := format()
	tree := f.markdown.Parser().Parse(text.NewReader(source))
	var refused []*ast.Image
	err := ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if picture, ok := n.(*ast.Image); ok && entering && !shown(string(picture.Destination)) {
			refused = append(refused, picture)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return "", err
	}
	for _, picture := range refused {
		link := ast.NewLink()
		link.Destination = picture.Destination
		for child := picture.FirstChild(); child != nil; {
			next := child.NextSibling()
			link.AppendChild(link, child)
			child = next
		}
		if !link.HasChildren() {
			link.AppendChild(link, ast.NewString(picture.Destination))
		}
		picture.Parent().ReplaceChild(picture.Parent(), picture, link)
	}
	var b bytes.Buffer
	if err := f.markdown.Renderer().Render(&b, source, tree); err != nil {
		return "", err
	}
	return f.policy.Sanitize(b.String()), nil
}

// format writes the Markdown as plain text and as HTML, with values filled in.
func (w *writer) format() (plain, page string, err error) {
	source := []byte(strings.TrimSpace(w.markdown))
	f := format()
	tree := f.markdown.Parser().Parse(text.NewReader(source))
	var b bytes.Buffer
	if err := f.markdown.Renderer().Render(&b, source, tree); err != nil {
		return "", "", err
	}
	page = w.fill(f.policy.Sanitize(b.String()), fillHTML)
	plain = w.fill(plainText(tree, source), func(_, value string) string { return value })
	return strings.TrimSpace(plain), strings.TrimSpace(page), nil
}

// fillHTML writes a value as HTML; before is what stands in front of it.
func fillHTML(before, value string) string {
	if strings.LastIndexByte(before, '<') <= strings.LastIndexByte(before, '>') {
		return strings.ReplaceAll(html.EscapeString(value), "\n", "<br>")
	}
	// Inside a tag, which can only be an attribute's value in double quotes.
	quote := strings.LastIndexByte(before, '"')
	name := before[strings.LastIndexByte(before[:quote], ' ')+1 : quote]
	if name != "href=" && name != "src=" {
		return html.EscapeString(value)
	}
	if quote != len(before)-1 {
		return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
	}
	// The link is the value, or begins with it.
	link, err := url.Parse(strings.TrimSpace(value))
	if err != nil || link.Scheme != "http" && link.Scheme != "https" || link.Host == "" {
		return "#"
	}
	return html.EscapeString(link.String())
}
