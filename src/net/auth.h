#ifndef TROLLEY_NET_AUTH_H_
#define TROLLEY_NET_AUTH_H_

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace trolley {

// How requests are authenticated. An implementation is asked before each request and told of each 401. Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Header lines ("Authorization: Bearer ...") for a request to the archive's own host. Never logged.
  virtual std::vector<std::string> Headers() = 0;
  // The server answered 401. True: something was renewed, the request is worth one more try.
  virtual bool Renew() { return false; }
};

std::unique_ptr<Authenticator> NoAuthentication();
// RFC 7617; the secret is read anew at each Renew(), so that a rotated password works without a restart.
std::unique_ptr<Authenticator> BasicAuthentication(std::string user, std::string password);
std::unique_ptr<Authenticator> BasicAuthenticationFromFile(std::string user, std::filesystem::path password_file);
// RFC 6750
std::unique_ptr<Authenticator> BearerAuthentication(std::string token);
std::unique_ptr<Authenticator> BearerAuthenticationFromFile(std::filesystem::path token_file);

// A secret from a file: first line, without its line break. Throws kInvalidArgument (naming the file, never its
// content) when it cannot be read or is empty, and warns when others may read the file.
std::string ReadSecretFile(const std::filesystem::path& file);
// A secret from an environment variable; throws kInvalidArgument when it is not set or empty.
std::string ReadSecretEnvironment(const std::string& variable);

}  // namespace trolley

#endif  // TROLLEY_NET_AUTH_H_
