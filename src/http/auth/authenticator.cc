#include "http/auth/authenticator.h"

#include <algorithm>
#include <functional>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "http/auth/auth_text.h"
#include "http/http_client.h"

namespace trolley {
namespace {

using Lines = std::vector<std::string>;

// Lines that are made anew, from their secrets, when the server refuses them.
class LinesAuthenticator : public Authenticator {
 public:
  explicit LinesAuthenticator(std::function<Lines()> make) : make_(std::move(make)), lines_(make_()) {}

  Lines Headers(const AuthRequest&) override { return Current(); }

  bool Renew(const AuthRequest&, const HttpHead&, const Lines& sent) override {
    if (Current() != sent) {
      return true;  // another request that was refused has renewed them meanwhile
    }
    try {
      Lines lines = make_();
      const std::lock_guard lock(mutex_);
      lines_ = std::move(lines);
    } catch (const Error& error) {
      LogWarning(error.what());
    }
    return Current() != sent;  // the same again would be refused again, and may lock the account
  }

 private:
  Lines Current() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

  const std::function<Lines()> make_;
  std::mutex mutex_;
  Lines lines_;
};

std::unique_ptr<Authenticator> FromSecret(SecretSource source,
                                          std::function<std::string(const std::string& secret)> make) {
  auto reader = std::make_shared<SecretReader>(std::move(source));
  return std::make_unique<LinesAuthenticator>(
      [reader = std::move(reader), make = std::move(make)] { return Lines{make(reader->Read())}; });
}

std::unique_ptr<Authenticator> Constant(std::string line) {
  return std::make_unique<LinesAuthenticator>([line = std::move(line)] { return Lines{line}; });
}

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool IsSetByClient(std::string_view name) {
  static constexpr std::string_view kNames[] = {"accept",     "accept-encoding",
                                                "connection", "content-length",
                                                "expect",     "content-type",
                                                "host",       "proxy-authorization",
                                                "range",      "te",
                                                "upgrade",    "transfer-encoding"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [name](std::string_view own) { return EqualsIgnoreCase(name, own); });
}

std::string MakeLine(const CustomHeader& header) {
  const auto refuse = [&header](std::string_view reason) {
    throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot use the custom header '", header.name, "': ", reason));
  };
  if (!IsHeaderName(header.name)) {
    refuse("this is no name of a header");
  }
  if (IsSetByClient(header.name)) {
    refuse("the program sets it itself");
  }
  const std::string value = header.secret.empty() ? header.value : ReadSecret(header.secret);
  if (value.empty() || internal::HasControl(value)) {
    refuse("its value is empty or has line breaks or control characters");
  }
  return StrCat(header.name, ": ", value);
}

// The lines of two, those of `own` last.
class BothAuthenticator : public Authenticator {
 public:
  BothAuthenticator(std::shared_ptr<Authenticator> other, std::unique_ptr<Authenticator> own, size_t own_lines)
      : other_(std::move(other)), own_(std::move(own)), own_lines_(own_lines) {}

  Lines Headers(const AuthRequest& request) override {
    Lines lines = other_->Headers(request);
    const Lines own = own_->Headers(request);
    lines.insert(lines.end(), own.begin(), own.end());
    return lines;
  }
  bool Refused(const HttpHead& head) const override { return other_->Refused(head); }
  bool Renew(const AuthRequest& request, const HttpHead& refusal, const Lines& sent) override {
    const auto middle = sent.end() - static_cast<std::ptrdiff_t>(std::min(own_lines_, sent.size()));
    const bool own = own_->Renew(request, refusal, {middle, sent.end()});
    const bool other = other_->Renew(request, refusal, {sent.begin(), middle});
    return own || other;
  }

 private:
  const std::shared_ptr<Authenticator> other_;
  const std::unique_ptr<Authenticator> own_;
  const size_t own_lines_;
};

}  // namespace

bool Authenticator::Refused(const HttpHead& head) const {
  return head.status == 401;
}

bool Authenticator::Renew(const AuthRequest&, const HttpHead&, const Lines&) {
  return false;
}

std::unique_ptr<Authenticator> NoAuthentication() {
  return std::make_unique<LinesAuthenticator>([] { return Lines(); });
}

std::unique_ptr<Authenticator> BasicAuthentication(std::string user, SecretSource password) {
  return FromSecret(std::move(password), [user = std::move(user)](const std::string& secret) {
    return internal::BasicHeader(user, secret);
  });
}

std::unique_ptr<Authenticator> BasicAuthentication(std::string user, std::string password) {
  return Constant(internal::BasicHeader(user, password));
}

std::unique_ptr<Authenticator> BasicAuthenticationFromFile(std::string user, std::filesystem::path password_file) {
  return BasicAuthentication(std::move(user), SecretSource{.file = std::move(password_file)});
}

std::unique_ptr<Authenticator> BearerAuthentication(SecretSource token) {
  return FromSecret(std::move(token), internal::BearerHeader);
}

std::unique_ptr<Authenticator> BearerAuthentication(std::string token) {
  return Constant(internal::BearerHeader(token));
}

std::unique_ptr<Authenticator> BearerAuthenticationFromFile(std::filesystem::path token_file) {
  return BearerAuthentication(SecretSource{.file = std::move(token_file)});
}

std::unique_ptr<Authenticator> CustomHeaders(std::vector<CustomHeader> headers, std::shared_ptr<Authenticator> other) {
  const size_t count = headers.size();
  auto own = std::make_unique<LinesAuthenticator>([headers = std::move(headers)] {
    Lines lines;
    for (const CustomHeader& header : headers) {
      lines.push_back(MakeLine(header));
    }
    return lines;
  });
  if (other == nullptr) {
    return own;
  }
  return std::make_unique<BothAuthenticator>(std::move(other), std::move(own), count);
}

}  // namespace trolley
