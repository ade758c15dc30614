#ifndef TROLLEY_DICOM_PEER_H_
#define TROLLEY_DICOM_PEER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace trolley {

class AssociationPool;
class RateLimiter;

// Gives a secret when it is needed (from a file, the environment, ...), so that it is never kept in a configuration.
// Throws Error when there is none.
using SecretFunction = std::function<std::string()>;

// DICOM over TLS, PS3.15 annex B.
struct DicomTls {
  std::string ca_file = {};           // PEM, the authorities of the peer's certificate; empty: the system's
  std::string certificate_file = {};  // PEM, our own certificate, for peers that want one
  std::string key_file = {};          // PEM, its key; empty: in certificate_file
  SecretFunction key_password = {};   // null: the key is not encrypted
  bool verify = true;                 // false: any certificate will do; for tests and desperate cases alone
  bool check_host = true;             // false: the certificate may name another host than the one that is called
};

// User identity, PS3.7 §D.3.3.7.
struct DicomUser {
  std::string name;
  SecretFunction passcode = {};  // null: the name alone
};

// A DICOM application that we call.
struct DicomPeer {
  std::string host;
  uint16_t port = 104;
  std::string calling_aet = "TROLLEYFS";  // our own AE title
  std::string called_aet = "ANY-SCP";
  std::chrono::milliseconds connect_timeout{5000};   // name resolution and TCP; then the same again for TLS
  std::chrono::milliseconds stall_timeout{30000};    // no byte in either direction for so long: kTimedOut
  uint32_t max_pdu = 131072;                         // bytes of a P-DATA-TF PDU that we accept
  size_t max_associations = 2;                       // in use together
  std::chrono::milliseconds idle_time{10000};        // an association that nobody uses is kept for so long
  std::chrono::milliseconds congestion_time{15000};  // "rejected, transient" is tried again for so long
  std::optional<DicomTls> tls = {};
  std::optional<DicomUser> user = {};
  std::shared_ptr<RateLimiter> pace = {};  // of operations; null: as fast as they come
};

// "VNA@vna.example:104", for messages.
std::string PeerForLog(const DicomPeer& peer);

// The associations with this peer, shared by the searcher and the downloader that are made with it. Opens none yet.
std::shared_ptr<AssociationPool> MakeAssociationPool(DicomPeer peer);

}  // namespace trolley

#endif  // TROLLEY_DICOM_PEER_H_
