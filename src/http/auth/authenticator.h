#ifndef TROLLEY_HTTP_AUTH_AUTHENTICATOR_H_
#define TROLLEY_HTTP_AUTH_AUTHENTICATOR_H_

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/secret.h"

namespace trolley {

struct HttpHead;

// A request to one of the archive's own hosts, which is about to be sent or was refused.
struct AuthRequest {
  std::string_view method;
  const std::string& url;
  const Context& context;  // the caller's: whoever waits for a login gives up when it ends
};

// How requests are authenticated: asked before each request to the archive's own hosts, never for others, and told of
// each refusal. Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Header lines ("Authorization: Bearer ...", "Cookie: ...") for this request. Never logged. May log in or fetch a
  // token first, within the request's context; throws when that fails (kAccessDenied when it is refused).
  virtual std::vector<std::string> Headers(const AuthRequest& request) = 0;
  // Does this answer mean that credentials are missing, wrong or out of date? Then Renew() is asked.
  virtual bool Refused(const HttpHead& head) const;
  // A request with these lines of Headers() was refused with this answer. True: Headers() gives others by now, or will
  // fetch others: the request is worth one more try. Does not wait. Many requests may be refused together.
  virtual bool Renew(const AuthRequest& request, const HttpHead& refusal, const std::vector<std::string>& sent);
};

std::unique_ptr<Authenticator> NoAuthentication();
// RFC 7617. Here and below: the secret is read anew at each refusal, so that a changed one works without a restart.
// Throws kInvalidArgument when there is no secret, or one that the protocol cannot carry.
std::unique_ptr<Authenticator> BasicAuthentication(std::string user, SecretSource password);
std::unique_ptr<Authenticator> BasicAuthentication(std::string user, std::string password);
std::unique_ptr<Authenticator> BasicAuthenticationFromFile(std::string user, std::filesystem::path password_file);
// RFC 6750
std::unique_ptr<Authenticator> BearerAuthentication(SecretSource token);
std::unique_ptr<Authenticator> BearerAuthentication(std::string token);
std::unique_ptr<Authenticator> BearerAuthenticationFromFile(std::filesystem::path token_file);
// RFC 7616 (SHA-256, SHA-512-256, MD5, each also as -sess; qop "auth" or, as of old, none).
std::unique_ptr<Authenticator> DigestAuthentication(std::string user, SecretSource password);
// User and password of a netrc file, by the host of each request, sent as RFC 7617 has it. Empty: $NETRC or ~/.netrc.
// Throws kInvalidArgument when the file cannot be read. A host that it does not name gets no credentials.
std::unique_ptr<Authenticator> NetrcAuthentication(std::filesystem::path netrc_file);

// A header of one's own ("X-Api-Key"), with a value that is given or, when `secret` is set, read from there.
struct CustomHeader {
  std::string name;
  std::string value = {};
  SecretSource secret = {};
};
// These headers and those of `other` (may be null). See HttpOptions::headers, which uses it.
std::unique_ptr<Authenticator> CustomHeaders(std::vector<CustomHeader> headers, std::shared_ptr<Authenticator> other);

}  // namespace trolley

#endif  // TROLLEY_HTTP_AUTH_AUTHENTICATOR_H_
