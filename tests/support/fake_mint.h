#ifndef TROLLEY_TESTS_SUPPORT_FAKE_MINT_H_
#define TROLLEY_TESTS_SUPPORT_FAKE_MINT_H_

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "support/http_fake.h"
#include "trolley/attributes.h"

namespace trolley {

// A MINT server over rows of instances, in either dialect, built from recorded exchanges.
class FakeMint {
 public:
  enum class Dialect { kVitrea, kReference };
  enum class Mood { kWell, kSilent, kCutting };
  struct Habits {
    // Encoding "UTF-3", a prefix for the namespace, other capitalisation, each series of a study in a <study> of its
    // own, unknown elements and attributes.
    bool sloppy = false;
    size_t own_limit = 0;     // Vitrea: studies given unless the request says otherwise, and says so; 0: none
    size_t cap = 0;           // never more studies at a time, whatever the request; 0: none
    bool tells_limit = true;  // reference: the limit it applied
    bool ignores_offset = false;
    bool ignores_keys = false;
    bool old_capitals = false;  // reference: <StudyMeta><Attributes><Attr>, else <study><attributes><attr>
  };

  // Instances with all their attributes, those of study and series too.
  FakeMint(Dialect dialect, std::vector<Attributes> instances);

  FakeHttpServer& server() { return server_; }
  std::string url() const { return server_.Url("/mint"); }
  void SetInstances(std::vector<Attributes> instances);
  void SetHabits(const Habits& habits);
  void SetMood(Mood mood);
  void Respond(const ReceivedRequest& request, HttpReply& reply);

 private:
  struct State {
    std::vector<Attributes> instances;
    Habits habits;
    Mood mood = Mood::kWell;
  };
  using Terms = std::multimap<std::string, std::string>;

  static std::string VitreaResponse(const State& state, const Terms& terms);
  static std::string ReferenceResponse(const State& state, const Terms& terms);
  // "" when there is none.
  static std::string MetadataResponse(const State& state, const std::string& uuid);

  const Dialect dialect_;
  std::mutex mutex_;
  State state_;
  FakeHttpServer server_;  // after what its handlers use
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_SUPPORT_FAKE_MINT_H_
