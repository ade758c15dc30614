#ifndef TROLLEY_TESTS_SUPPORT_FAKE_RAD69_H_
#define TROLLEY_TESTS_SUPPORT_FAKE_RAD69_H_

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "support/http_fake.h"
#include "trolley/references.h"

namespace trolley {

// A RAD-69 server over files, built from recorded exchanges. The strict one looks at every word of a request and
// answers like CXF (dcm4chee); the sloppy one answers like the mock of an older client: multipart/form-data, XML whose
// quotes are missing, Content-IDs without angle brackets.
class FakeRad69 {
 public:
  enum class Mood { kWell, kSilent, kCutting };
  enum class Root { kFirst, kLast, kAbsent };
  struct Habits {
    bool sloppy = false;
    bool takes_mtom = true;  // else bare SOAP
    bool embeds = false;     // files as base64 in the envelope
    Root root = Root::kFirst;
    std::map<std::string, std::string> errors = {};  // SOPInstanceUID -> RegistryError code, instead of the file
    std::set<std::string> warnings = {};             // these are told with a warning, and sent
    std::string general_error = {};                  // nothing is sent but this, about no instance
    size_t busy_answers = 0;                         // so many at first: XDSRepositoryBusy for everything
  };

  explicit FakeRad69(std::map<InstanceReference, std::string> content);

  FakeHttpServer& server() { return server_; }
  std::string url() const { return server_.Url("/rids"); }
  const std::map<InstanceReference, std::string>& content() const { return content_; }
  void SetHabits(const Habits& habits);
  void SetMood(Mood mood);
  void Respond(const ReceivedRequest& request, HttpReply& reply);
  // What a strict server found wrong with requests.
  std::vector<std::string> Complaints() const;

 private:
  void Send(const std::string& type, const std::string& body, Mood mood, HttpReply& reply);

  const std::map<InstanceReference, std::string> content_;
  mutable std::mutex mutex_;
  Habits habits_;
  Mood mood_ = Mood::kWell;
  std::vector<std::string> complaints_;
  FakeHttpServer server_;  // after what its handlers use
};

// The pieces of a response, for tests that make their own.
std::string Rad69ErrorXml(const std::string& code, const std::string& location, const std::string& severity = "Error");
std::string Rad69DocumentXml(const std::string& uid, const std::string& href);
std::string Rad69EnvelopeXml(const std::string& status, const std::string& errors, const std::string& documents);

// The parts of a request that matter.
struct Rad69Asked {
  std::string envelope;
  std::vector<InstanceReference> instances;
  std::vector<std::string> syntaxes;
};
Rad69Asked ReadRad69Request(const ReceivedRequest& request);

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_FAKE_RAD69_H_
