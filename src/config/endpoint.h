#ifndef TROLLEY_CONFIG_ENDPOINT_H_
#define TROLLEY_CONFIG_ENDPOINT_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "trolley/dicom_peer.h"
#include "trolley/secret.h"

namespace trolley {

class AuthConfig;
class ConfigTable;

// Where a searcher or downloader finds its archive. The types of clients are many (see registry.h), the transports are
// these three: what depends on the transport alone is written once, by a visitor, and a forgotten case does not
// compile.
struct HttpEndpoint {
  std::string url;                         // normalised, see NormalizeServiceUrl
  std::shared_ptr<const AuthConfig> auth;  // null: the archive's
  bool dicom_web = false;                  // the base that QIDO-RS and WADO-RS share
};

struct DicomEndpoint {
  DicomPeer peer = {};         // host, port and AE titles; ClientFactory adds what is configured for the whole archive
  bool tls = false;            // with the archive's certificates
  bool check_host = true;      // see DicomTls
  std::string user = {};       // user identity, PS3.7 D.3.3.7; empty: none
  SecretSource passcode = {};  // not set: the user's name alone
  bool patient_root = false;   // the information model of a query; C-GET and C-MOVE use that of the searcher
};

struct FolderEndpoint {
  std::filesystem::path path;  // absolute
};

using Endpoint = std::variant<HttpEndpoint, DicomEndpoint, FolderEndpoint>;

// The keys of an endpoint. Those that the table leaves out are taken from `searcher`, if it has the same transport;
// null for the searcher itself.
HttpEndpoint ReadHttpEndpoint(ConfigTable& table);
HttpEndpoint ReadDicomWebEndpoint(ConfigTable& table, const Endpoint* searcher);
DicomEndpoint ReadDicomEndpoint(ConfigTable& table, const Endpoint* searcher);
FolderEndpoint ReadFolderEndpoint(ConfigTable& table, const Endpoint* searcher);

// "https://pacs.example/dicom-web", "VNA@vna.example:104", "/data/studies"; for messages.
std::string AddressOf(const Endpoint& endpoint);
// For the keys of the caches: a change here loses what people have cached. With our own AE title, because an archive
// may show each title something else.
std::string IdentityOf(const Endpoint& endpoint);
// The account that the archive sees, for the same keys; empty: none. `auth` is the archive's, may be null.
std::string AccountOf(const Endpoint& endpoint, const AuthConfig* auth);
// A warning for the log, when credentials would cross the network in plain text.
std::optional<std::string> PlainTextWarning(const Endpoint& endpoint, const AuthConfig* auth);

// One to sixteen printable characters, PS3.5 §6.2 AE.
bool IsAeTitle(std::string_view title);
// The AE title of `key`, when the table has it.
void ReadAeTitle(ConfigTable& table, const char* key, std::string& title);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_ENDPOINT_H_
