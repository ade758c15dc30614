// One try of an HTTP request with libcurl's multi interface: curl_multi_poll waits for the socket, and a stop request
// wakes it. Deadline and stall are checked here and not by curl, so that they are exact and cancellation is immediate.
// Redirects, netrc and retries are not curl's either: HttpClient decides per URL which credentials it may see.
#include "http/http_transfer.h"

#include <sys/socket.h>

#include <algorithm>
#include <stop_token>
#include <string>

#include "base/text.h"
#include "http/http_url.h"
#include "trolley/error.h"

namespace trolley::internal {
namespace {

constexpr uint64_t kMaxUnwanted = uint64_t{64} << 10;  // longer bodies cost more to read than a new connection
constexpr long kReceiveBuffer = 512L << 10;

using std::chrono::milliseconds;

template <typename Value>
void Set(CURL* easy, CURLoption option, Value value) {
  if (const CURLcode code = curl_easy_setopt(easy, option, value); code != CURLE_OK) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot set up an HTTP request: option ", static_cast<int>(option),
                                                    ": ", curl_easy_strerror(code)));
  }
}

bool HasUnreadBytes(curl_socket_t socket) {
  char byte = 0;
  return ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

}  // namespace

void HttpTransfer::OnClose(curl_socket_t socket) {
  overlong_ = overlong_ || (BodyComplete() && IsPlain() && HasUnreadBytes(socket));
}

size_t HttpTransfer::HeaderCallback(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  return transfer.Guard([&] { transfer.OnHeaderLine({data, size * count}); }) ? size * count : 0;
}

size_t HttpTransfer::BodyCallback(char* data, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  const bool taken = transfer.Guard([&] { transfer.OnBody(std::as_bytes(std::span(data, size * count))); });
  return taken && !transfer.enough_ ? size * count : CURL_WRITEFUNC_ERROR;
}

int HttpTransfer::RequestCallback(void* self, char*, char*, int, int) {
  auto& transfer = *static_cast<HttpTransfer*>(self);
  transfer.connected_ = true;
  transfer.last_activity_ = Clock::now();
  return CURL_PREREQFUNC_OK;
}

int HttpTransfer::DebugCallback(CURL*, curl_infotype type, char*, size_t size, void* self) {
  if (type == CURLINFO_DATA_IN) {
    static_cast<HttpTransfer*>(self)->raw_bytes_ += size;
  }
  return 0;
}

void HttpTransfer::SetUp(bool fresh, void* socket_owner, curl_opensocket_callback open,
                         curl_closesocket_callback close) {
  CURL* easy = easy_.get();
  Set(easy, CURLOPT_ERRORBUFFER, text_.data());
  Set(easy, CURLOPT_URL, exchange_.url.c_str());
  Set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  Set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  Set(easy, CURLOPT_HTTP_VERSION, options_.http2 ? long{CURL_HTTP_VERSION_2TLS} : long{CURL_HTTP_VERSION_1_1});
  Set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  Set(easy, CURLOPT_NOSIGNAL, 1L);
  Set(easy, CURLOPT_QUICK_EXIT, 1L);  // do not wait for a name server that does not respond
  Set(easy, CURLOPT_CONNECTTIMEOUT_MS, std::max(1L, static_cast<long>(options_.connect_timeout.count())));
  Set(easy, CURLOPT_TCP_NODELAY, 1L);
  Set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  Set(easy, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  Set(easy, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
  Set(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
  Set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  Set(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));  // ours are not for the proxy
  if (!options_.proxy.empty()) {
    Set(easy, CURLOPT_PROXY, options_.proxy.c_str());
  }
  Set(easy, CURLOPT_ACCEPT_ENCODING, exchange_.accept_gzip ? "gzip" : static_cast<const char*>(nullptr));
  Set(easy, CURLOPT_HEADERFUNCTION, &HeaderCallback);
  Set(easy, CURLOPT_HEADERDATA, static_cast<void*>(this));
  Set(easy, CURLOPT_WRITEFUNCTION, &BodyCallback);
  Set(easy, CURLOPT_WRITEDATA, static_cast<void*>(this));
  Set(easy, CURLOPT_PREREQFUNCTION, &RequestCallback);
  Set(easy, CURLOPT_PREREQDATA, static_cast<void*>(this));
  // Nothing is printed. The callback counts the bytes that curl drops silently: those after Content-Length.
  Set(easy, CURLOPT_DEBUGFUNCTION, &DebugCallback);
  Set(easy, CURLOPT_DEBUGDATA, static_cast<void*>(this));
  Set(easy, CURLOPT_VERBOSE, 1L);
  Set(easy, CURLOPT_OPENSOCKETFUNCTION, open);
  Set(easy, CURLOPT_OPENSOCKETDATA, socket_owner);
  Set(easy, CURLOPT_CLOSESOCKETFUNCTION, close);
  Set(easy, CURLOPT_CLOSESOCKETDATA, socket_owner);
  SetMethod();
  SetTls();
}

void HttpTransfer::SetMethod() {
  CURL* easy = easy_.get();
  if (exchange_.method == "HEAD") {
    Set(easy, CURLOPT_NOBODY, 1L);
  } else if (exchange_.method != "GET") {
    Set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(exchange_.body.size()));
    Set(easy, CURLOPT_POSTFIELDS, exchange_.body.data());
    Set(easy, CURLOPT_CUSTOMREQUEST, exchange_.method.c_str());
  }
  const auto append = [this](const char* line) {
    curl_slist* longer = curl_slist_append(headers_.get(), line);
    if (longer == nullptr) {
      throw std::bad_alloc();
    }
    (void)headers_.release();
    headers_.reset(longer);
  };
  append("Expect:");
  for (const std::string& line : exchange_.headers) {
    append(line.c_str());
  }
  Set(easy, CURLOPT_HTTPHEADER, headers_.get());
}

void HttpTransfer::SetTls() {
  CURL* easy = easy_.get();
  Set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  Set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  Set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options_.ca_file.empty()) {
    Set(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
  }
  if (const HttpCertificate* const own = exchange_.certificate; own != nullptr) {
    Set(easy, CURLOPT_SSLCERT, own->certificate_file.c_str());
    Set(easy, CURLOPT_SSLKEY, own->key_file.c_str());
    Set(easy, CURLOPT_KEYPASSWD, own->key_password.c_str());  // an empty one too: OpenSSL would ask on the terminal
  }
}

CURLcode HttpTransfer::Run(CURLM* multi) {
  const std::stop_callback wake(context_.stop, [multi] { curl_multi_wakeup(multi); });
  if (const CURLMcode code = curl_multi_add_handle(multi, easy_.get()); code != CURLM_OK) {
    Fail(ErrorCode::kUnavailable, curl_multi_strerror(code));
  }
  struct Removal {  // ends the transfer in whatever state it is
    CURLM* multi;
    CURL* easy;
    ~Removal() { curl_multi_remove_handle(multi, easy); }
  } const removal{multi, easy_.get()};
  while (true) {
    int running = 0;
    const CURLMcode code = curl_multi_perform(multi, &running);
    if (thrown_) {
      std::rethrow_exception(thrown_);
    }
    if (code != CURLM_OK) {
      Fail(ErrorCode::kUnavailable, curl_multi_strerror(code));
    }
    if (running == 0) {
      const CURLcode result = Result(multi);
      curl_socket_t socket = CURL_SOCKET_BAD;
      if (curl_easy_getinfo(easy_.get(), CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK && socket != CURL_SOCKET_BAD) {
        OnClose(socket);
      }
      return result;
    }
    const milliseconds wait = CheckTime();
    curl_multi_poll(multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
  }
}

std::optional<Clock::duration> HttpTransfer::ConnectTime() const {
  long connects = 0;
  long port = 0;
  curl_off_t found = 0;
  curl_off_t connected = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &connects);
  curl_easy_getinfo(easy_.get(), CURLINFO_PRIMARY_PORT, &port);
  curl_easy_getinfo(easy_.get(), CURLINFO_NAMELOOKUP_TIME_T, &found);
  curl_easy_getinfo(easy_.get(), CURLINFO_CONNECT_TIME_T, &connected);
  // The environment, too, may name a proxy; curl only reports the port it connected to.
  const auto url = ParseHttpUrl(exchange_.url);
  const bool direct = options_.proxy.empty() && url && url->port == std::to_string(port);
  return connects > 0 && direct && connected > found
             ? std::optional<Clock::duration>(std::chrono::microseconds(connected - found))
             : std::nullopt;
}

CURLcode HttpTransfer::Result(CURLM* multi) const {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE && message->easy_handle == easy_.get()) {
      return message->data.result;
    }
  }
  return CURLE_FAILED_INIT;
}

// Returns the longest wait until the next check; throws when the transfer must end.
milliseconds HttpTransfer::CheckTime() {
  if (context_.stop.stop_requested()) {
    Fail(ErrorCode::kCancelled, "it was cancelled");
  }
  const auto now = Clock::now();
  if (now >= context_.deadline) {
    Fail(ErrorCode::kTimedOut, "no complete response within the time allowed");
  }
  curl_off_t uploaded = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_UPLOAD_T, &uploaded);
  if (uploaded != uploaded_) {
    uploaded_ = uploaded;
    last_activity_ = now;
  }
  Clock::duration wait = std::min<Clock::duration>(context_.deadline - now, std::chrono::minutes(1));
  if (connected_) {  // before that, connect_timeout counts
    const auto silence = now - last_activity_;
    if (silence >= options_.stall_timeout) {
      Fail(ErrorCode::kTimedOut, StrCat("the server sent nothing for ", DurationText(options_.stall_timeout)));
    }
    wait = std::min<Clock::duration>(wait, options_.stall_timeout - silence);
  }
  return std::chrono::ceil<milliseconds>(wait);
}

void HttpTransfer::OnHeaderLine(std::string_view line) {
  if (head_.Add(line)) {
    wanted_ = exchange_.on_head(head_.head());
  }
}

void HttpTransfer::OnBody(std::span<const std::byte> piece) {
  last_activity_ = Clock::now();
  (void)CheckTime();  // one curl_multi_perform() may read for long when bytes arrive fast
  if (wanted_) {
    exchange_.on_body(piece);
  } else {
    enough_ = raw_bytes_ > kMaxUnwanted;
  }
}

void HttpTransfer::CheckLength() const {
  const auto promised = head_.promised_body();
  if (promised && (overlong_ || raw_bytes_ > *promised)) {
    Fail(ErrorCode::kProtocol, StrCat("the response is longer than its Content-Length of ", *promised, " bytes"));
  }
  if (promised && raw_bytes_ < *promised) {
    Fail(ErrorCode::kProtocol, StrCat("the response was cut off after ", raw_bytes_, " of ", *promised, " bytes"));
  }
}

void HttpTransfer::ThrowIfFailed(CURLcode code) const {
  if (enough_) {
    return;
  }
  if (code == CURLE_OK && !head_.complete()) {
    Fail(ErrorCode::kProtocol, "the response was cut off in its header");
  }
  if (code == CURLE_OK || code == CURLE_PARTIAL_FILE) {
    CheckLength();
  }
  if (code == CURLE_OK) {
    return;
  }
  long number = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &number);
  const HttpFailure failure = ExplainCurl(code, text_.data(), static_cast<int>(number), options_);
  Fail(failure.code, failure.reason);
}

}  // namespace trolley::internal
