package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

const (
	mediaJSON     = "application/json"
	mediaResponse = "application/graphql-response+json"
)

// transport speaks GraphQL over HTTP: POST with a JSON body for everything, GET
// for queries and, as server-sent events, subscriptions. There is deliberately no form or multipart encoding, which a
// foreign page could send without asking, and no batching.
type transport struct {
	limits      Limits
	timeout     time.Duration
	presenter   presenter
	metrics     *metrics
	gate, large *gate
	largeCost   int
	withRequest func(context.Context) (context.Context, func(), error)
}

// httpTransport is transport at an address.
type httpTransport struct{ *hub }

var _ graphql.Transport = httpTransport{}

// Supports reports true: every request to the endpoint is answered here, if
// only to say what was wrong with it.
func (httpTransport) Supports(*http.Request) bool { return true }

// Do answers one request.
func (t httpTransport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	// The clock runs from here, so that a slow body eats into the time allowed.
	ctx, cancel := context.WithTimeout(r.Context(), t.timeout)
	defer cancel()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("Vary", "Accept")
	begun := t.metrics.begin()
	req := requestFrom(ctx)
	done := sync.OnceFunc(func() { begun(req.operation, req.code) })
	defer done()

	accept := strings.Join(r.Header.Values("Accept"), ",")
	media, acceptable := negotiate(accept)
	streams := acceptsEvents(accept)
	defer func() {
		if p := recover(); p != nil {
			t.write(ctx, w, media, &graphql.Response{
				Errors: gqlerror.List{t.presenter.present(ctx, t.presenter.recovered(ctx, p))},
			})
		}
	}()

	if !acceptable && !streams {
		t.reject(ctx, w, &problem{http.StatusNotAcceptable, codeBadUserInput, "answers are " + mediaResponse + " or " + mediaJSON + ", those of subscriptions " + mediaEvents + "; the header Accept allows none of them"})
		return
	}
	params, wrong := t.read(w, r)
	if wrong != nil {
		t.reject(ctx, w, wrong)
		return
	}
	var stream *eventStream
	if streams {
		stream, wrong = t.newEventStream(w, r)
		if wrong != nil {
			t.reject(ctx, w, wrong)
			return
		}
	}
	response, wrong := t.answer(ctx, exec, params, way{
		mutations: r.Method != http.MethodGet,
		subscribe: func(op *graphql.OperationContext) *graphql.Response {
			if stream == nil {
				return exec.DispatchError(graphql.WithOperationContext(ctx, op), gqlerror.List{refuse(errcode.ValidationFailed,
					"a subscription is answered as server-sent events, for which the header must say Accept: %s, or over a WebSocket", mediaEvents)})
			}
			return stream.subscribe(exec, op)
		},
	})
	switch {
	case wrong != nil && wrong.status == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
		t.reject(ctx, w, wrong)
	case wrong != nil:
		if wrong.status == http.StatusServiceUnavailable {
			retryAfter(w, time.Second)
		}
		t.reject(ctx, w, wrong)
	case response == nil:
		req.code = "OK"
		done() // what comes now is not the answering of a request
		req.code = stream.serve()
	case !acceptable:
		req.code = codeOf(response.Errors)
		stream.once(response)
	default:
		t.write(ctx, w, media, response)
	}
}

// way is how an operation has come.
type way struct {
	// mutations reports that it may be one.
	mutations bool
	// seen is told of the operation before it runs, and may refuse it.
	seen func(*graphql.OperationContext) *problem
	// subscribe opens a subscription, or says why not.
	subscribe func(*graphql.OperationContext) *graphql.Response
}

// answer takes a place among the requests under way, and makes the response;
// none where a subscription was opened. The place is free again when it returns,
// so that a client that reads slowly keeps nobody waiting.
func (t transport) answer(ctx context.Context, exec graphql.GraphExecutor, params *graphql.RawParams, by way) (*graphql.Response, *problem) {
	leave, ok := t.gate.enter(ctx)
	if !ok {
		return nil, t.turnAway("in_flight")
	}
	defer func() { leave() }()
	op, errs := exec.CreateOperationContext(ctx, params)
	if op != nil && op.Operation != nil && op.Operation.Operation == ast.Mutation && !by.mutations {
		// Whoever asks: it is the wrong way to ask.
		return nil, &problem{http.StatusMethodNotAllowed, codeBadUserInput, "GET is for queries; send mutations by POST"}
	}
	if errs != nil {
		return exec.DispatchError(graphql.WithOperationContext(ctx, op), errs), nil
	}
	requestFrom(ctx).operation = operationName(op)
	if by.seen != nil {
		if wrong := by.seen(op); wrong != nil {
			return nil, wrong
		}
	}
	if op.Operation.Operation == ast.Subscription {
		return by.subscribe(op), nil
	}
	if costOf(op) > t.largeCost {
		leave() // others need not wait while this one does
		if leave, ok = t.large.enter(ctx); !ok {
			leave = func() {}
			return nil, t.turnAway("large_in_flight")
		}
	}
	return t.execute(ctx, exec, op), nil
}

// turnAway refuses a request for which there is no place.
func (t transport) turnAway(reason string) *problem {
	t.metrics.refused(reason)
	return &problem{http.StatusServiceUnavailable, codeUnavailable, "too many requests are being answered at present; send it again"}
}

// execute runs the operation between opening and releasing what it needs. The
// response is complete when it returns, so nothing is held while a slow client
// reads.
func (t transport) execute(ctx context.Context, exec graphql.GraphExecutor, op *graphql.OperationContext) *graphql.Response {
	if t.withRequest != nil {
		opened, release, err := t.withRequest(ctx)
		if err != nil {
			return exec.DispatchError(graphql.WithOperationContext(ctx, op), gqlerror.List{gqlerror.Wrap(err)})
		}
		defer release()
		ctx = opened
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	if response := responses(ctx); response != nil {
		return response
	}
	err := ctx.Err()
	if err == nil {
		err = errors.New("server: execution gave no response")
	}
	return exec.DispatchError(graphql.WithOperationContext(ctx, op), gqlerror.List{gqlerror.Wrap(err)})
}

func operationName(op *graphql.OperationContext) string {
	if op.Operation.Name != "" {
		return op.Operation.Name
	}
	return "anonymous"
}

// problem is a request that is not GraphQL over HTTP.
type problem struct {
	status  int
	code    string
	message string
}

func badRequest(message string) *problem {
	return &problem{http.StatusBadRequest, codeBadUserInput, message}
}

// read returns the parameters of a request.
func (t transport) read(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *problem) {
	start := graphql.Now()
	var params *graphql.RawParams
	var wrong *problem
	switch r.Method {
	case http.MethodGet:
		params, wrong = readQuery(r.URL.RawQuery)
	case http.MethodPost:
		params, wrong = t.readBody(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		return nil, &problem{http.StatusMethodNotAllowed, codeBadUserInput, "use POST, or GET for queries"}
	}
	if wrong != nil {
		return nil, wrong
	}
	if strings.TrimSpace(params.Query) == "" && params.Extensions["persistedQuery"] == nil {
		return nil, badRequest("the parameter query is missing; it holds the GraphQL document")
	}
	params.Headers = r.Header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return params, nil
}

// readQuery reads the parameters of a GET request.
func readQuery(raw string) (*graphql.RawParams, *problem) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badRequest("the query string of the URL is not well formed")
	}
	params := &graphql.RawParams{Query: values.Get("query"), OperationName: values.Get("operationName")}
	if text := values.Get("variables"); text != "" && decode([]byte(text), &params.Variables) != nil {
		return nil, badRequest("the parameter variables must be a JSON object")
	}
	if text := values.Get("extensions"); text != "" && decode([]byte(text), &params.Extensions) != nil {
		return nil, badRequest("the parameter extensions must be a JSON object")
	}
	return params, nil
}

// readBody reads the parameters of a POST request. Nothing of the body appears
// in a message.
func (t transport) readBody(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *problem) {
	media, attributes, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaJSON {
		return nil, &problem{http.StatusUnsupportedMediaType, codeBadUserInput, "the body must be JSON with Content-Type: " + mediaJSON}
	}
	if charset := attributes["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, &problem{http.StatusUnsupportedMediaType, codeBadUserInput, "the body must be encoded in UTF-8"}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, &problem{http.StatusUnsupportedMediaType, codeBadUserInput, "the body must not be compressed"}
	}
	tooLarge := &problem{http.StatusRequestEntityTooLarge, codeTooLarge, "the body is longer than the " + strconv.FormatInt(t.limits.BodyBytes, 10) + " bytes allowed"}
	if r.ContentLength > t.limits.BodyBytes {
		discard(r)
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, t.limits.BodyBytes))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			discard(r)
			return nil, tooLarge
		}
		return nil, badRequest("the body could not be read to its end")
	}
	return parseBody(body)
}

// discarded is how much of a body that is too long is read, and forgotten, so
// that clients which send all of it before they listen hear why it was refused.
const discarded = 16 << 20

// discard reads on, unless the client waits to hear whether it should send.
func discard(r *http.Request) {
	if r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, r.Body, discarded) // an error is one of the client's
	}
}

func parseBody(body []byte) (*graphql.RawParams, *problem) {
	var sent struct {
		Query         *string        `json:"query"`
		OperationName *string        `json:"operationName"`
		Variables     map[string]any `json:"variables"`
		Extensions    map[string]any `json:"extensions"`
	}
	if err := decode(body, &sent); err != nil {
		mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err)
		switch {
		case !ok:
			return nil, badRequest("the body is not valid JSON")
		case mistyped.Field == "query" || mistyped.Field == "operationName":
			return nil, badRequest("the parameter " + mistyped.Field + " must be a string")
		case mistyped.Field == "variables" || mistyped.Field == "extensions":
			return nil, badRequest("the parameter " + mistyped.Field + " must be an object")
		default:
			return nil, badRequest("the body must be a JSON object with the parameter query")
		}
	}
	params := &graphql.RawParams{Variables: sent.Variables, Extensions: sent.Extensions}
	if sent.Query != nil {
		params.Query = *sent.Query
	}
	if sent.OperationName != nil {
		params.OperationName = *sent.OperationName
	}
	return params, nil
}

// decode reads exactly one JSON value. Numbers keep their digits, since an id
// may be one that a float64 cannot hold.
func decode(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text after the value")
	}
	return nil
}

// reject answers a request that never became an operation.
func (t transport) reject(ctx context.Context, w http.ResponseWriter, p *problem) {
	requestFrom(ctx).code = p.code
	writeProblem(w, p)
}

func writeProblem(w http.ResponseWriter, p *problem) {
	w.Header().Set("Content-Type", mediaJSON+"; charset=utf-8")
	w.WriteHeader(p.status)
	list, _ := json.Marshal(gqlerror.List{{Message: p.message, Extensions: map[string]any{"code": p.code}}})
	_, _ = w.Write(append(append([]byte(`{"errors":`), list...), '}'))
}

// write answers with a GraphQL response. Under application/json the status is
// 200 whatever the errors say, as clients of that media type expect; under
// application/graphql-response+json it tells a request that was not executed.
func (t transport) write(ctx context.Context, w http.ResponseWriter, media string, response *graphql.Response) {
	req := requestFrom(ctx)
	req.code = codeOf(response.Errors)
	status := http.StatusOK
	if media == mediaResponse && response.Data == nil {
		status = statusOf(req.code)
		challenge(ctx, w, req.code)
	}

	body := encode(response)
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left is no error of ours
}

// encode writes a GraphQL response, which has no line breaks.
func encode(response *graphql.Response) []byte {
	var out bytes.Buffer
	out.WriteByte('{')
	if len(response.Errors) > 0 {
		out.WriteString(`"errors":`)
		out.Write(encodeErrors(response.Errors))
	}
	if response.Data != nil {
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		out.WriteString(`"data":`)
		out.Write(response.Data)
	}
	if text, err := json.Marshal(response.Extensions); err == nil && len(response.Extensions) > 0 {
		out.WriteString(`,"extensions":`)
		out.Write(text)
	}
	out.WriteByte('}')
	return out.Bytes()
}

// encodeErrors writes a list of errors. One that is not JSON is a fault of ours,
// and no reason to end a process on which others rely.
func encodeErrors(errs gqlerror.List) []byte {
	text, err := json.Marshal(errs)
	if err != nil {
		return []byte(`[{"message":"internal error","extensions":{"code":"INTERNAL"}}]`)
	}
	return text
}

// statusOf is the HTTP status of an operation that was not executed.
func statusOf(code string) int {
	switch code {
	case codeInternal:
		return http.StatusInternalServerError
	case codeUnavailable:
		return http.StatusServiceUnavailable
	case codeTimeout:
		return http.StatusGatewayTimeout
	case codeUnauthenticated:
		return http.StatusUnauthorized
	case codeForbidden:
		return http.StatusForbidden
	case codePersistedNotFound:
		return http.StatusOK // clients take another status for a broken server and do not send the text
	default:
		return http.StatusBadRequest
	}
}

// negotiate picks the media type of the answer from an Accept header: the one
// of higher quality, then the one named rather than matched, then the one named
// first, then application/json.
func negotiate(accept string) (media string, ok bool) {
	if strings.TrimSpace(accept) == "" {
		return mediaJSON, true
	}
	type claim struct {
		quality   float64
		precision int // 0 not mentioned, 1 */*, 2 application/*, 3 by name
	}
	best := map[string]claim{}
	first := ""
	for part := range strings.SplitSeq(accept, ",") {
		media, attributes, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		quality := 1.0
		if q, given := attributes["q"]; given {
			if quality, err = strconv.ParseFloat(q, 64); err != nil || math.IsNaN(quality) {
				continue
			}
		}
		offer := func(candidate string, precision int) {
			if precision > best[candidate].precision {
				best[candidate] = claim{quality, precision}
			}
		}
		switch media {
		case mediaJSON, mediaResponse:
			if first == "" {
				first = media
			}
			offer(media, 3)
		case "application/*":
			offer(mediaJSON, 2)
			offer(mediaResponse, 2)
		case "*/*":
			offer(mediaJSON, 1)
			offer(mediaResponse, 1)
		}
	}
	a, b := best[mediaJSON], best[mediaResponse]
	switch {
	case a.quality <= 0 && b.quality <= 0:
		return mediaJSON, false
	case a.quality != b.quality:
		if a.quality > b.quality {
			return mediaJSON, true
		}
		return mediaResponse, true
	case a.precision != b.precision:
		if a.precision > b.precision {
			return mediaJSON, true
		}
		return mediaResponse, true
	case first != "":
		return first, true
	default:
		return mediaJSON, true
	}
}
