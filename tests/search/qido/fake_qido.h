#ifndef TROLLEY_TESTS_SEARCH_QIDO_FAKE_QIDO_H_
#define TROLLEY_TESTS_SEARCH_QIDO_FAKE_QIDO_H_

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "dicom/matching.h"
#include "support/http_fake.h"
#include "trolley/attributes.h"
#include "trolley/query.h"
#include "trolley/tag.h"

namespace trolley {

// One data set of DICOM JSON; every value a string, as servers may send it.
inline std::string JsonRow(const Attributes& row) {
  std::string json = "{";
  row.ForEach([&](Tag tag, std::string_view value) {
    std::vector<std::string> values;
    for (const std::string_view one : Split(value, '\\')) {
      std::string text(one);
      for (size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) {
        text.insert(at, "\\");
      }
      values.push_back(StrCat("\"", text, "\""));
    }
    const std::string vr = FindTag(tag) ? std::string(FindTag(tag)->vr_text()) : "UN";
    json += StrCat(json.size() > 1 ? "," : "", "\"", TagHex(tag), "\":{\"vr\":\"", vr, "\"");
    if (!value.empty()) {
      json += vr == "PN" ? StrCat(",\"Value\":[{\"Alphabetic\":", values.front(), "}]")
                         : StrCat(",\"Value\":[", Join(values, ","), "]");
    }
    json += "}";
  });
  return json + "}";
}

inline std::string JsonRows(const std::vector<Attributes>& rows) {
  std::vector<std::string> each;
  for (const Attributes& row : rows) {
    each.push_back(JsonRow(row));
  }
  return "[" + Join(each, ",") + "]";
}

struct QidoTarget {
  std::string path;                                        // below the service, "/studies"
  std::vector<std::pair<std::string, std::string>> terms;  // decoded
};

inline QidoTarget ParseQidoTarget(std::string_view target) {
  QidoTarget out;
  const size_t question = target.find('?');
  out.path = target.substr(0, question);
  out.path.erase(0, std::string_view("/dicom-web").size());
  if (question != std::string_view::npos) {
    for (const std::string_view term : Split(target.substr(question + 1), '&')) {
      const size_t equals = term.find('=');
      out.terms.emplace_back(term.substr(0, equals), PercentDecode(term.substr(equals + 1)).value_or("?"));
    }
  }
  return out;
}

// A QIDO-RS server over rows of instances, as it should be, with the limits that real ones have.
class FakeQido {
 public:
  struct Habits {
    size_t default_limit = 0;  // 0: none
    size_t max_limit = 0;      // more in a request is refused with 400; 0: none
    size_t silent_cap = 0;     // never more rows at a time; 0: none
    bool ignores_offset = false;
    bool warns = false;  // of additional results
    bool ignores_keys = false;
  };
  enum class Mood { kWell, kSilent, kCutting };

  // Instances with all their attributes, those of study and series too.
  explicit FakeQido(std::vector<Attributes> instances = {})
      : instances_(std::move(instances)),
        server_([this](const ReceivedRequest& request, HttpReply& reply) { Respond(request, reply); }) {}

  FakeHttpServer& server() { return server_; }
  std::string url() const { return server_.Url("/dicom-web"); }
  void SetInstances(std::vector<Attributes> instances) {
    const std::lock_guard lock(mutex_);
    instances_ = std::move(instances);
  }
  void SetHabits(const Habits& habits) {
    const std::lock_guard lock(mutex_);
    habits_ = habits;
  }
  void SetMood(Mood mood) {
    const std::lock_guard lock(mutex_);
    mood_ = mood;
  }

  void Respond(const ReceivedRequest& request, HttpReply& reply) {
    const QidoTarget target = ParseQidoTarget(request.target);
    std::vector<Attributes> instances;
    Habits habits;
    Mood mood;
    {
      const std::lock_guard lock(mutex_);
      instances = instances_;
      habits = habits_;
      mood = mood_;
    }
    size_t limit = habits.default_limit;
    size_t offset = 0;
    Query query = QueryOf(target, limit, offset);
    if (habits.max_limit > 0 && limit > habits.max_limit) {
      reply.Respond(400, "text/plain", "limit out of range");
      return;
    }
    std::vector<Attributes> rows = Rows(instances, query, habits.ignores_keys);
    offset = habits.ignores_offset ? 0 : std::min(offset, rows.size());
    rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(offset));
    bool cropped = false;
    for (const size_t most : {limit, habits.silent_cap}) {
      if (most > 0 && rows.size() > most) {
        rows.resize(most);
        cropped = true;
      }
    }
    Send(JsonRows(rows), cropped && habits.warns, mood, reply);
  }

 private:
  static Query QueryOf(const QidoTarget& target, size_t& limit, size_t& offset) {
    Query query(target.path.ends_with("/instances") ? Level::kInstance
                : target.path.ends_with("/series")  ? Level::kSeries
                                                    : Level::kStudy);
    const std::vector<std::string_view> steps = Split(std::string_view(target.path).substr(1), '/');
    if (steps.size() > 2) {
      query.Where(tag::kStudyInstanceUID, steps[1]);
    }
    if (steps.size() > 4) {
      query.Where(tag::kSeriesInstanceUID, steps[3]);
    }
    for (const auto& [name, value] : target.terms) {
      if (name == "limit" || name == "offset") {
        (name == "limit" ? limit : offset) = static_cast<size_t>(ParseUint(value).value_or(0));
      } else if (name == "includefield") {
        query.Include(value);
      } else if (name != "fuzzymatching") {
        std::string text = value;
        if (FindTag(name)->vr_text() == "UI") {
          std::replace(text.begin(), text.end(), ',', '\\');
        }
        query.Where(name, text);
      }
    }
    return query;
  }

  static std::vector<Attributes> Rows(const std::vector<Attributes>& instances, const Query& query, bool ignores_keys) {
    std::vector<Attributes> rows;
    std::set<std::string> seen;
    for (const Attributes& instance : instances) {
      std::string key(instance.Get(tag::kStudyInstanceUID));
      if (query.level() != Level::kStudy) {
        key += instance.Get(tag::kSeriesInstanceUID);
      }
      if (query.level() == Level::kInstance) {
        key += instance.Get(tag::kSOPInstanceUID);
      }
      const bool matches = ignores_keys || !Contradicts(query, instance);  // insensitive to case, as servers are
      if (matches && seen.insert(key).second) {
        rows.push_back(instance);
      }
    }
    return rows;
  }

  static void Send(const std::string& body, bool warn, Mood mood, HttpReply& reply) {
    const std::string type = "application/dicom+json";
    if (mood == Mood::kWell) {
      HttpReply::Headers more;
      if (warn) {
        more.emplace_back("Warning", "299 test: There are 7 additional results that can be requested");
      }
      reply.Respond(200, type, body, more);
      return;
    }
    reply.Head(200, {{"Content-Type", type}, {"Content-Length", std::to_string(body.size())}});
    reply.Send(body.substr(0, body.size() / 2));
    mood == Mood::kSilent ? reply.Hang() : reply.Close();
  }

  std::mutex mutex_;
  std::vector<Attributes> instances_;
  Habits habits_;
  Mood mood_ = Mood::kWell;
  FakeHttpServer server_;
};

// An instance with its series' and study's attributes, UIDs made of numbers.
inline Attributes FakeInstance(int study, int series, int instance, const std::string& patient = "Doe^John") {
  const std::string study_uid = StrCat("1.2.", study);
  const std::string series_uid = StrCat(study_uid, ".", series);
  const std::string uid = StrCat(series_uid, ".", instance);
  return {{tag::kSOPInstanceUID, uid},
          {tag::kStudyDate, "20200301"},
          {tag::kModality, "CT"},
          {tag::kPatientName, patient},
          {tag::kPatientID, StrCat("P", study)},
          {tag::kStudyInstanceUID, study_uid},
          {tag::kSeriesInstanceUID, series_uid},
          {tag::kSeriesNumber, std::to_string(series)},
          {tag::kInstanceNumber, std::to_string(instance)}};
}

inline std::vector<Attributes> FakeSeries(int study, int series, int count) {
  std::vector<Attributes> instances;
  for (int i = 1; i <= count; ++i) {
    instances.push_back(FakeInstance(study, series, i));
  }
  return instances;
}

}  // namespace trolley

#endif  // TROLLEY_TESTS_SEARCH_QIDO_FAKE_QIDO_H_
