// The client's policy: which credentials a URL may see, renewal after a refusal, redirects, the rate limit, and the
// pool of slots with their open connections. http_slot.cc and http_transfer.cc speak to libcurl. Runs on the caller's
// thread.
#include "trolley/http_client.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/mutex.h"
#include "base/rate_limiter.h"
#include "base/secret_reader.h"
#include "base/text.h"
#include "http/auth/challenge.h"
#include "http/http_error.h"
#include "http/http_slot.h"
#include "http/http_url.h"
#include "http/url_for_log.h"
#include "trolley/authenticator.h"
#include "trolley/error.h"

namespace trolley {
namespace {

using internal::HttpExchange;
using internal::HttpSlot;

constexpr int kMaxRedirects = 5;
constexpr int kMaxStaleNonces = 4;
constexpr auto kIdleTime = std::chrono::seconds(30);  // a slot that was not used for this time is closed

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool IsCredential(std::string_view line) {
  return StartsWithIgnoreCase(line, "authorization:") || StartsWithIgnoreCase(line, "cookie:") ||
         StartsWithIgnoreCase(line, "proxy-authorization:");
}

[[noreturn]] void Fail(ErrorCode code, const HttpExchange& exchange, std::string_view reason) {
  throw internal::HttpError(code, exchange.method, exchange.url, reason);
}

// No header line, neither a caller's nor an authenticator's, may contain another one.
void CheckLines(const HttpExchange& exchange) {
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (exchange.method.empty() || !std::all_of(exchange.method.begin(), exchange.method.end(), upper)) {
    throw Error(ErrorCode::kInvalidArgument, "Cannot send an HTTP request: its method is malformed");
  }
  for (const std::string& line : exchange.headers) {
    const bool bad = line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos;
    if (bad || line.find(':') == std::string::npos) {
      Fail(ErrorCode::kInvalidArgument, exchange, "one of its header lines is malformed");
    }
  }
}

void CheckReadable(std::string_view what, const std::string& file) {
  if (!file.empty() && ::access(file.c_str(), R_OK) != 0) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot read ", what, " ", file, ": ", std::generic_category().message(errno)));
  }
}

// A stale nonce does not mean that the password is wrong; busy servers send a new nonce with each response.
bool IsStale(const HttpHead& head) {
  for (const auto& [name, value] : head.headers) {
    if (name == "www-authenticate") {
      for (const internal::AuthChallenge& challenge : internal::ParseChallenges(value)) {
        if (EqualsIgnoreCase(challenge.Parameter("stale"), "true")) {
          return true;
        }
      }
    }
  }
  return false;
}

class BodySink : public HttpSink {
 public:
  BodySink(const HttpRequest& request, size_t max_body) : request_(request), max_body_(max_body) {}

  void OnHead(const HttpHead& head) override {
    if (head.content_length) {
      Check(*head.content_length);
      body.reserve(static_cast<size_t>(std::min<uint64_t>(*head.content_length, uint64_t{1} << 20)));
    }
  }
  void OnBody(std::span<const std::byte> piece) override {
    Check(uint64_t{body.size()} + piece.size());
    body.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }

  std::string body;

 private:
  void Check(uint64_t size) const {
    if (size > max_body_) {
      throw internal::HttpError(ErrorCode::kTooMany, request_.method, request_.url,
                                StrCat("the response is longer than ", max_body_, " bytes"));
    }
  }

  const HttpRequest& request_;
  const size_t max_body_;
};

}  // namespace

class HttpClient::Impl {
 public:
  explicit Impl(HttpOptions options) : options_(std::move(options)), auth_(options_.auth) {
    CheckReadable("ca_file", options_.ca_file);
    if (!options_.headers.empty()) {
      auth_ = CustomHeaders(options_.headers, auth_);
    }
    for (const std::string& url : options_.home) {
      const auto origin = internal::HttpOrigin(url);
      if (!origin) {
        throw Error(ErrorCode::kInvalidArgument,
                    StrCat("Cannot use ", UrlForLog(url), ": this is not a valid http or https URL"));
      }
      homes_.push_back(*origin);
    }
    ReadCertificate(options_.client_certificate);
  }

  HttpHead Stream(const HttpRequest& request, HttpSink& sink, const Context& context) {
    const SlotLease slot(*this);
    HttpExchange exchange{request.method, request.url, {}, request.body, request.accept_gzip};
    const auto origin = internal::HttpOrigin(request.url);
    if (!origin) {
      Fail(ErrorCode::kInvalidArgument, exchange, "this is not a valid http or https URL");
    }
    exchange.on_body = [&sink](std::span<const std::byte> piece) { sink.OnBody(piece); };
    exchange.on_connect = [this](Clock::duration time) {
      const MutexLock lock(mutex_);
      round_trip_ = std::min(time, round_trip_.value_or(time));
    };
    int renewals = 0;
    int redirects = 0;
    while (true) {
      if (options_.rate_limiter != nullptr) {
        options_.rate_limiter->Wait(context);
      }
      const bool at_home = IsHome(exchange.url, *origin);
      const AuthRequest auth_request{exchange.method, exchange.url, context};
      const std::vector<std::string> credentials = SetHeaders(request, auth_request, exchange, at_home);
      std::string next;
      exchange.on_head = [&](const HttpHead& head) {
        if (at_home && MayRenew(request, head, renewals) && auth_->Renew(auth_request, head, credentials)) {
          ++renewals;
          next = request.url;
        } else if (request.follow_redirects && IsRedirect(head.status) && request.method == "GET" &&
                   !head.Header("location").empty()) {
          next = Target(exchange, head, ++redirects);
        } else {
          sink.OnHead(head);
        }
        return next.empty();
      };
      HttpHead head = slot.get().Perform(exchange, context);
      if (next.empty()) {
        return head;
      }
      exchange.url = next;
    }
  }

  std::optional<Clock::duration> RoundTrip() const {
    const MutexLock lock(mutex_);
    return round_trip_;
  }

 private:
  struct IdleSlot {
    std::unique_ptr<HttpSlot> slot;
    Clock::time_point since;
  };

  // A slot for one call. The slot that was used last comes first: its connection is the least likely to be closed.
  class SlotLease {
   public:
    explicit SlotLease(Impl& impl) : impl_(impl), slot_(impl.Acquire()) {}
    ~SlotLease() { impl_.Release(std::move(slot_)); }
    SlotLease(const SlotLease&) = delete;
    SlotLease& operator=(const SlotLease&) = delete;
    HttpSlot& get() const { return *slot_; }

   private:
    Impl& impl_;
    std::unique_ptr<HttpSlot> slot_;
  };

  std::unique_ptr<HttpSlot> Acquire() {
    {
      const MutexLock lock(mutex_);
      if (!idle_.empty()) {
        auto slot = std::move(idle_.back().slot);
        idle_.pop_back();
        return slot;
      }
    }
    return std::make_unique<HttpSlot>(options_);
  }

  void Release(std::unique_ptr<HttpSlot> slot) {
    std::vector<IdleSlot> old;  // closed outside the lock
    const MutexLock lock(mutex_);
    const auto now = Clock::now();
    const auto young =
        std::find_if(idle_.begin(), idle_.end(), [now](const IdleSlot& idle) { return now - idle.since < kIdleTime; });
    std::move(idle_.begin(), young, std::back_inserter(old));
    idle_.erase(idle_.begin(), young);
    idle_.push_back({std::move(slot), now});
  }

  void ReadCertificate(const ClientCertificate& files) {
    const std::string& key = files.key_file.empty() ? files.certificate_file : files.key_file;
    if (files.certificate_file.empty()) {
      if (!files.key_file.empty()) {
        throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot use the private key ", key, " without a certificate"));
      }
      return;
    }
    CheckReadable("the client certificate", files.certificate_file);
    CheckReadable("the private key", key);
    WarnWhenOthersCanRead(key, "private key");
    certificate_.emplace(internal::HttpCertificate{files.certificate_file, key,
                                                   files.key_password.empty() ? "" : ReadSecret(files.key_password)});
  }

  bool IsHome(const std::string& url, const std::string& first_origin) const {
    const auto origin = internal::HttpOrigin(url);
    return homes_.empty() ? origin == first_origin
                          : origin && std::find(homes_.begin(), homes_.end(), *origin) != homes_.end();
  }

  bool MayRenew(const HttpRequest& request, const HttpHead& head, int renewals) const {
    const bool free = renewals == 0 && request.renew_credentials;
    return auth_ != nullptr && auth_->Refused(head) && (free || (renewals < kMaxStaleNonces && IsStale(head)));
  }

  // Sets the header lines and the certificate that the exchange's URL may see; returns the authenticator's lines.
  std::vector<std::string> SetHeaders(const HttpRequest& request, const AuthRequest& auth_request,
                                      HttpExchange& exchange, bool at_home) {
    exchange.headers.clear();
    for (const std::string& line : request.headers) {
      if (at_home || !IsCredential(line)) {
        exchange.headers.push_back(line);
      }
    }
    std::vector<std::string> credentials;
    if (at_home && auth_ != nullptr) {
      credentials = auth_->Headers(auth_request);
      exchange.headers.insert(exchange.headers.end(), credentials.begin(), credentials.end());
    }
    exchange.certificate = at_home && certificate_ ? &*certificate_ : nullptr;
    CheckLines(exchange);
    return credentials;
  }

  static std::string Target(const HttpExchange& exchange, const HttpHead& head, int redirects) {
    if (redirects > kMaxRedirects) {
      Fail(ErrorCode::kProtocol, exchange, StrCat("more than ", kMaxRedirects, " redirects"));
    }
    auto target = internal::ResolveRedirect(exchange.url, std::string(head.Header("location")));
    if (!target) {
      Fail(ErrorCode::kProtocol, exchange, "it redirects to something that is not an http or https URL");
    }
    if (StartsWithIgnoreCase(exchange.url, "https:") && !StartsWithIgnoreCase(*target, "https:")) {
      Fail(ErrorCode::kProtocol, exchange, "it redirects from https to http, which would disclose the query");
    }
    return *std::move(target);
  }

  const HttpOptions options_;
  std::shared_ptr<Authenticator> auth_;
  std::vector<std::string> homes_;  // origins
  std::optional<internal::HttpCertificate> certificate_;
  mutable Mutex mutex_;
  std::vector<IdleSlot> idle_ TROLLEY_GUARDED_BY(mutex_);  // the one used last is at the end
  std::optional<Clock::duration> round_trip_ TROLLEY_GUARDED_BY(mutex_);
};

HttpClient::HttpClient(HttpOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpClient::~HttpClient() = default;

HttpResponse HttpClient::Fetch(const HttpRequest& request, const Context& context, size_t max_body) {
  BodySink sink(request, max_body);
  HttpHead head = impl_->Stream(request, sink, context);
  return {std::move(head), std::move(sink.body)};
}

std::optional<Clock::duration> HttpClient::RoundTrip() const {
  return impl_->RoundTrip();
}

HttpHead HttpClient::Stream(const HttpRequest& request, HttpSink& sink, const Context& context) {
  return impl_->Stream(request, sink, context);
}

}  // namespace trolley
