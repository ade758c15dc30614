// Digest authentication (RFC 7616). One object serves all requests of a client from any thread; it keeps a nonce for
// each origin, since nonces are per server.

#include <array>
#include <map>
#include <optional>

#include "base/message_digest.h"
#include "base/mutex.h"
#include "base/secret_reader.h"
#include "base/text.h"
#include "http/auth/auth_text.h"
#include "http/auth/challenge.h"
#include "http/http_url.h"
#include "http/url_for_log.h"
#include "trolley/authenticator.h"
#include "trolley/error.h"
#include "trolley/http_client.h"
#include "trolley/log.h"

namespace trolley {
namespace {

using internal::AuthChallenge;

constexpr size_t kMaxParameter = 4096;
// A refused password is tried again with a new nonce if the old nonce was older than this.
constexpr auto kMinAge = std::chrono::seconds(5);

struct Algorithm {
  std::string_view name;
  DigestAlgorithm digest;
  bool session;
};
// The best first.
constexpr std::array<Algorithm, 6> kAlgorithms = {{{"SHA-512-256", DigestAlgorithm::kSha512_256, false},
                                                   {"SHA-512-256-sess", DigestAlgorithm::kSha512_256, true},
                                                   {"SHA-256", DigestAlgorithm::kSha256, false},
                                                   {"SHA-256-sess", DigestAlgorithm::kSha256, true},
                                                   {"MD5", DigestAlgorithm::kMd5, false},
                                                   {"MD5-sess", DigestAlgorithm::kMd5, true}}};

bool OffersAuth(const std::string& qop) {
  for (const std::string_view option : Split(qop, ',')) {
    if (EqualsIgnoreCase(Trim(option), "auth")) {
      return true;
    }
  }
  return false;
}

// The parameters of a server's challenge that a response needs.
struct Challenge {
  const Algorithm* algorithm = nullptr;
  bool names_algorithm = false;
  std::string realm, nonce, opaque;
  bool has_qop = false;
  bool stale = false;
};

std::optional<Challenge> ParseChallenge(const AuthChallenge& offered) {
  if (offered.scheme != "digest") {
    return std::nullopt;
  }
  Challenge challenge;
  const std::string name = offered.Parameter("algorithm");
  for (const Algorithm& algorithm : kAlgorithms) {
    if (EqualsIgnoreCase(name.empty() ? "MD5" : name, algorithm.name)) {
      challenge.algorithm = &algorithm;
    }
  }
  challenge.names_algorithm = !name.empty();
  challenge.realm = offered.Parameter("realm");
  challenge.nonce = offered.Parameter("nonce");
  challenge.opaque = offered.Parameter("opaque");
  const std::string qop = offered.Parameter("qop");
  challenge.has_qop = !qop.empty();
  challenge.stale = EqualsIgnoreCase(offered.Parameter("stale"), "true");
  for (const std::string& text : {challenge.realm, challenge.nonce, challenge.opaque}) {
    if (text.size() > kMaxParameter || internal::HasControl(text)) {
      return std::nullopt;
    }
  }
  const bool supported = challenge.algorithm != nullptr && !challenge.nonce.empty() && (qop.empty() || OffersAuth(qop));
  return supported ? std::optional(challenge) : std::nullopt;
}

std::optional<Challenge> BestChallenge(const HttpHead& head) {
  std::optional<Challenge> best;
  for (const auto& [name, value] : head.headers) {
    if (name != "www-authenticate") {
      continue;
    }
    for (const AuthChallenge& offered : internal::ParseChallenges(value)) {
      const auto challenge = ParseChallenge(offered);
      if (challenge && (!best || challenge->algorithm < best->algorithm)) {
        best = challenge;
      }
    }
  }
  return best;
}

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
    }
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

std::string Hex8(uint32_t number) {
  std::string out(8, '0');
  for (size_t i = 8; i > 0; --i, number >>= 4U) {
    out[i - 1] = "0123456789abcdef"[number & 15U];
  }
  return out;
}

class DigestAuthenticator : public Authenticator {
 public:
  DigestAuthenticator(std::string user, SecretSource password)
      : user_(std::move(user)), reader_(std::move(password)), password_(reader_.Read()) {
    internal::CheckHeaderValue(user_, "the user name for digest authentication");
  }

  std::vector<std::string> Headers(const AuthRequest& request) override {
    const auto url = internal::ParseHttpUrl(request.url);
    const MutexLock lock(mutex_);
    const auto found = sessions_.find(internal::HttpOrigin(request.url).value_or(""));
    if (!url || found == sessions_.end()) {
      return {};
    }
    return {Line(found->second, request.method, url->target)};
  }

  bool Renew(const AuthRequest& request, const HttpHead& refusal, const std::vector<std::string>& sent) override {
    const auto challenge = BestChallenge(refusal);
    if (!challenge) {
      LogWarning(StrCat("The server of ", UrlForLog(request.url),
                        " does not offer digest authentication in a supported form"));
      return false;
    }
    std::string password = reader_.Read();
    const MutexLock lock(mutex_);
    const auto [found, is_new] = sessions_.try_emplace(internal::HttpOrigin(request.url).value_or(""));
    Session& session = found->second;
    const auto now = Clock::now();
    if (!is_new) {
      if (sent.empty() ||
          sent.front().find(StrCat(" nonce=", Quote(session.challenge.nonce), ",")) == std::string::npos) {
        return true;  // another request that was refused has brought a new nonce
      }
      if (!challenge->stale && now - session.since < kMinAge && password == password_) {
        return false;
      }
    }
    password_ = std::move(password);
    session = {*challenge, RandomHex(16), 0, now};
    return true;
  }

 private:
  // With one server, since nonces are per server.
  struct Session {
    Challenge challenge;
    std::string cnonce;
    uint32_t count = 0;
    Clock::time_point since;
  };

  std::string Line(Session& session, std::string_view method, const std::string& target) TROLLEY_REQUIRES(mutex_) {
    const Challenge& challenge = session.challenge;
    const auto hash = [&challenge](std::string_view text) { return HexDigest(challenge.algorithm->digest, text); };
    const std::string count = Hex8(++session.count);
    std::string secret = hash(StrCat(user_, ":", challenge.realm, ":", password_));
    if (challenge.algorithm->session) {
      secret = hash(StrCat(secret, ":", challenge.nonce, ":", session.cnonce));
    }
    const std::string middle =
        challenge.has_qop ? StrCat(challenge.nonce, ":", count, ":", session.cnonce, ":auth") : challenge.nonce;
    const std::string response = hash(StrCat(secret, ":", middle, ":", hash(StrCat(method, ":", target))));
    std::string line =
        StrCat("Authorization: Digest username=", Quote(user_), ", realm=", Quote(challenge.realm),
               ", nonce=", Quote(challenge.nonce), ", uri=", Quote(target), ", response=\"", response, "\"");
    if (challenge.names_algorithm) {
      line += StrCat(", algorithm=", challenge.algorithm->name);
    }
    if (!challenge.opaque.empty()) {
      line += StrCat(", opaque=", Quote(challenge.opaque));
    }
    if (challenge.has_qop || challenge.algorithm->session) {
      line += StrCat(", qop=auth, nc=", count, ", cnonce=\"", session.cnonce, "\"");
    }
    return line;
  }

  const std::string user_;
  SecretReader reader_;
  Mutex mutex_;
  std::string password_ TROLLEY_GUARDED_BY(mutex_);
  std::map<std::string, Session> sessions_ TROLLEY_GUARDED_BY(mutex_);  // by origin
};

}  // namespace

std::unique_ptr<Authenticator> DigestAuthentication(std::string user, SecretSource password) {
  return std::make_unique<DigestAuthenticator>(std::move(user), std::move(password));
}

}  // namespace trolley
