#ifndef TROLLEY_SECRET_H_
#define TROLLEY_SECRET_H_

#include <filesystem>
#include <string>

namespace trolley {

// Where a secret (a password, a token, a key's pass phrase) is kept. Exactly one member is set.
struct SecretSource {
  std::filesystem::path file = {};  // its first line
  std::string environment = {};     // the name of a variable
  std::string credential = {};      // systemd's LoadCredential=NAME: the file $CREDENTIALS_DIRECTORY/NAME
  std::string text = {};            // the secret itself, for programs that have it from somewhere else

  bool empty() const { return file.empty() && environment.empty() && credential.empty() && text.empty(); }
  // "the file /etc/pacs.secret", for messages; never the secret.
  std::string Describe() const;
  bool operator==(const SecretSource&) const = default;
};

}  // namespace trolley

#endif  // TROLLEY_SECRET_H_
