#include "support/fake_mint.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "dicom/matching.h"
#include "search/assemble.h"
#include "trolley/query.h"
#include "trolley/tag.h"

namespace trolley {
namespace {

using Terms = std::multimap<std::string, std::string>;
using Rows = std::vector<Attributes>;

std::string Value(const Terms& terms, const std::string& name) {
  const auto at = terms.find(name);
  return at == terms.end() ? "" : at->second;
}

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Rows With(const Rows& rows, Tag tag, std::string_view value) {
  Rows some;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(some), [&](auto& row) { return row.Get(tag) == value; });
  return some;
}

std::vector<std::string> Distinct(const Rows& rows, Tag tag) {
  std::vector<std::string> values;
  for (const Attributes& row : rows) {
    if (std::find(values.begin(), values.end(), row.Get(tag)) == values.end()) {
      values.emplace_back(row.Get(tag));
    }
  }
  return values;
}

// Those attributes of `row` that describe `level`; `wanted` null: all.
std::string AttrElements(const Attributes& row, Level level, const std::set<Tag>* wanted, const std::string& name) {
  std::string xml;
  row.ForEach([&](Tag tag, std::string_view value) {
    const Level of_tag = tag == tag::kSOPInstanceUID ? Level::kInstance : LevelOf(tag);
    if (of_tag == level && (wanted == nullptr || wanted->contains(tag))) {
      const std::string val = value.empty() ? "" : StrCat(" val=\"", Escaped(value), "\"");
      xml += StrCat("<", name, " tag=\"", AsciiLower(TagHex(tag)), "\" vr=\"", VrOf(tag), "\"", val, " />");
    }
  });
  return xml;
}

// --- Vitrea ---

struct VitreaForm {
  Level level = Level::kStudy;
  std::set<Tag> wanted;
  std::string prefix;  // of the namespace
};

std::string VitreaStudy(const Rows& rows, const VitreaForm& form) {
  const std::string& p = form.prefix;
  std::string xml = StrCat("<", p, "study studyUUID=\"uuid-", rows.front().Get(tag::kStudyInstanceUID),
                           "\" version=\"1\" lastModified=\"2021-08-09T06:42:04.325Z\">");
  // The children come before the study's own attributes.
  if (form.level != Level::kStudy) {
    for (const std::string& uid : Distinct(rows, tag::kSeriesInstanceUID)) {
      const Rows series = With(rows, tag::kSeriesInstanceUID, uid);
      xml += StrCat("<", p, "series>");
      if (form.level == Level::kInstance) {
        for (const Attributes& row : series) {
          xml += StrCat("<", p, "instance>", AttrElements(row, Level::kInstance, &form.wanted, p + "attr"), "</", p,
                        "instance>");
        }
      }
      xml += StrCat(AttrElements(series.front(), Level::kSeries, &form.wanted, p + "attr"), "</", p, "series>");
    }
  }
  return StrCat(xml, AttrElements(rows.front(), Level::kStudy, &form.wanted, p + "attr"), "</", p, "study>");
}

std::set<Tag> FieldsOf(const Terms& terms) {
  std::set<Tag> fields;
  std::string names = Value(terms, "IncludeFields");
  if (names.empty()) {
    names = "StudyInstanceUID,PatientName,PatientID";
  }
  for (const std::string_view name : Split(names, ',')) {
    if (const auto info = FindTag(name)) {
      fields.insert(info->tag);
    }
  }
  fields.insert({tag::kStudyInstanceUID, tag::kSeriesInstanceUID, tag::kSOPInstanceUID});
  return fields;
}

// Parameters that the server does not know are ignored.
Query VitreaQuery(const Terms& terms) {
  Query query(Value(terms, "QueryLevel") == "INSTANCE" ? Level::kInstance
              : Value(terms, "QueryLevel") == "SERIES" ? Level::kSeries
                                                       : Level::kStudy);
  for (const auto& [name, value] : terms) {
    if (FindTag(name)) {
      query.Where(name, value);
    }
  }
  if (!Value(terms, "minStudyDate").empty() && !Value(terms, "maxStudyDate").empty()) {
    query.Where(tag::kStudyDate, StrCat(Value(terms, "minStudyDate"), "-", Value(terms, "maxStudyDate")));
  }
  return query;
}

// --- The reference server ---

std::string UuidOf(std::string_view study_uid) {
  return StrCat("0a1b-", study_uid);
}

Query ReferenceQuery(const Terms& terms) {
  Query query(Level::kStudy);
  const auto add = [&](const char* name, Tag tag) {
    if (!Value(terms, name).empty()) {
      query.Where(tag, Value(terms, name));
    }
  };
  add("studyInstanceUID", tag::kStudyInstanceUID);
  add("accessionNumber", tag::kAccessionNumber);
  add("patientID", tag::kPatientID);
  return query;
}

// As the server's database does it: from the first day, and before the last one.
bool InDates(const Terms& terms, const Attributes& row) {
  const std::string min = Value(terms, "minStudyDate");
  const std::string max = Value(terms, "maxStudyDate");
  const std::string_view date = row.Get(tag::kStudyDate);
  return (min.empty() || date >= min) && (max.empty() || date < max);
}

std::string Metadata(const Rows& rows, bool old_capitals) {
  const auto name = [&](const std::string& capital) {
    return old_capitals || capital == "SeriesList" ? capital : AsciiLower(capital);
  };
  const std::string attr = name("Attr");
  const auto attributes = [&](const std::string& container, const std::string& content) {
    return StrCat("<", name(container), ">", content, "</", name(container), ">");
  };
  const std::string root = old_capitals ? "StudyMeta" : "study";
  std::string xml = StrCat("<", root, " xmlns=\"http://medical.nema.org/mint\" studyInstanceUID=\"",
                           rows.front().Get(tag::kStudyInstanceUID), "\" version=\"0\">");
  xml += attributes("Attributes", AttrElements(rows.front(), Level::kStudy, nullptr, attr) + "<" + attr +
                                      " tag=\"00081032\" vr=\"SQ\"><Item><Attributes><" + attr +
                                      " tag=\"0020000d\" vr=\"UI\" val=\"9.9.9\"/></Attributes></Item></" + attr + ">");
  xml += "<SeriesList>";
  for (const std::string& uid : Distinct(rows, tag::kSeriesInstanceUID)) {
    const Rows series = With(rows, tag::kSeriesInstanceUID, uid);
    xml += StrCat("<", name("Series"), " seriesInstanceUID=\"", uid, "\">");
    xml += attributes("Attributes", AttrElements(series.front(), Level::kSeries, nullptr, attr));
    xml += attributes("NormalizedInstanceAttributes", "<" + attr + " tag=\"00280010\" vr=\"US\" val=\"64\"/>");
    xml += StrCat("<", name("Instances"), ">");
    for (const Attributes& row : series) {
      xml += StrCat("<", name("Instance"), " sopInstanceUID=\"", row.Get(tag::kSOPInstanceUID),
                    "\" transferSyntaxUID=\"1.2.840.10008.1.2.1\">",
                    attributes("Attributes", AttrElements(row, Level::kInstance, nullptr, attr)), "</",
                    name("Instance"), ">");
    }
    xml += StrCat("</", name("Instances"), "></", name("Series"), ">");
  }
  return xml + "</SeriesList></" + root + ">";
}

}  // namespace

FakeMint::FakeMint(Dialect dialect, std::vector<Attributes> instances)
    : dialect_(dialect),
      state_{std::move(instances), {}, Mood::kWell},
      server_([this](const ReceivedRequest& request, HttpReply& reply) { Respond(request, reply); }) {}

void FakeMint::SetInstances(std::vector<Attributes> instances) {
  const std::lock_guard lock(mutex_);
  state_.instances = std::move(instances);
}

void FakeMint::SetHabits(const Habits& habits) {
  const std::lock_guard lock(mutex_);
  state_.habits = habits;
}

void FakeMint::SetMood(Mood mood) {
  const std::lock_guard lock(mutex_);
  state_.mood = mood;
}

void FakeMint::Respond(const ReceivedRequest& request, HttpReply& reply) {
  State state;
  {
    const std::lock_guard lock(mutex_);
    state = state_;
  }
  const size_t query_start = request.target.find('?');
  const std::string path = request.target.substr(0, query_start);
  Terms terms;
  if (query_start != std::string::npos) {
    for (const std::string_view term : Split(std::string_view(request.target).substr(query_start + 1), '&')) {
      const size_t equals = term.find('=');
      terms.emplace(term.substr(0, equals), PercentDecode(term.substr(equals + 1)).value_or("?"));
    }
  }
  const std::string_view below = "/mint/studies/";
  const std::string_view end = "/DICOM/metadata";
  std::string xml;
  if (path == "/mint/studies") {
    xml = dialect_ == Dialect::kVitrea ? VitreaResponse(state, terms) : ReferenceResponse(state, terms);
  } else if (dialect_ == Dialect::kReference && path.starts_with(below) && path.ends_with(end)) {
    xml = MetadataResponse(state, path.substr(below.size(), path.size() - below.size() - end.size()));
  }
  if (xml.empty()) {
    reply.Respond(404, "text/html", "<html><body>Invalid study requested: Not found</body></html>");
  } else if (state.mood == Mood::kWell) {
    reply.Respond(200, "text/xml", xml);
  } else {
    reply.Head(200, {{"Content-Type", "text/xml"}, {"Content-Length", std::to_string(xml.size())}});
    reply.Send(xml.substr(0, xml.size() / 2));
    state.mood == Mood::kSilent ? reply.Hang() : reply.Close();
  }
}

std::string FakeMint::VitreaResponse(const State& state, const Terms& terms) {
  const Habits& habits = state.habits;
  const Query query = VitreaQuery(terms);
  Rows rows;
  std::copy_if(state.instances.begin(), state.instances.end(), std::back_inserter(rows),
               [&](const Attributes& row) { return habits.ignores_keys || !Contradicts(query, row); });
  std::vector<std::string> studies = Distinct(rows, tag::kStudyInstanceUID);
  uint64_t limit = ParseUint(Value(terms, "limit")).value_or(habits.own_limit);
  if (habits.cap > 0 && (limit == 0 || limit > habits.cap)) {
    limit = habits.cap;
  }
  if (limit > 0 && studies.size() > limit) {
    studies.resize(limit);
  }
  const VitreaForm form{query.level(), FieldsOf(terms), habits.sloppy ? "m:" : ""};
  std::string xml = StrCat("<?xml version='1.0' encoding='", habits.sloppy ? "UTF-3" : "UTF-8", "'?><", form.prefix,
                           "studySearchResults xmlns", habits.sloppy ? ":m" : "", "=\"http://medical.nema.org/mint\" ",
                           habits.sloppy ? "query_level" : "QueryLevel", "=\"", LevelName(form.level), "\"");
  xml += (limit > 0 ? StrCat(" limit=\"", limit, "\"") : "") + ">";
  for (const std::string& study : studies) {
    const Rows of_study = With(rows, tag::kStudyInstanceUID, study);
    if (habits.sloppy) {
      for (const std::string& series : Distinct(of_study, tag::kSeriesInstanceUID)) {
        xml += "<m:note>?</m:note>" + VitreaStudy(With(of_study, tag::kSeriesInstanceUID, series), form);
      }
    } else {
      xml += VitreaStudy(of_study, form);
    }
  }
  return xml + "</" + form.prefix + "studySearchResults>";
}

std::string FakeMint::ReferenceResponse(const State& state, const Terms& terms) {
  const Habits& habits = state.habits;
  const Query query = ReferenceQuery(terms);
  std::vector<std::string> studies;
  for (const std::string& uid : Distinct(state.instances, tag::kStudyInstanceUID)) {
    const Attributes row = With(state.instances, tag::kStudyInstanceUID, uid).front();
    const bool exact = std::all_of(query.keys().begin(), query.keys().end(),
                                   [&](const auto& key) { return row.Get(key.first) == key.second; });
    if (habits.ignores_keys || (exact && InDates(terms, row))) {
      studies.push_back(uid);
    }
  }
  uint64_t limit = ParseUint(Value(terms, "limit")).value_or(50);
  if (habits.cap > 0) {
    limit = std::min<uint64_t>(limit, habits.cap);
  }
  const uint64_t page = habits.ignores_offset ? 1 : ParseUint(Value(terms, "offset")).value_or(1);
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><?xml-stylesheet type=\"text/xsl\" href=\"s.xsl\"?>";
  xml += "<studySearchResults";
  xml += (habits.tells_limit ? StrCat(" limit=\"", limit, "\" offset=\"", page, "\"") : "") + ">";
  for (size_t i = (page - 1) * limit; i < std::min<size_t>(page * limit, studies.size()); ++i) {
    xml += StrCat("<study studyUUID=\"", UuidOf(studies[i]),
                  "\" lastModified=\"2011-03-03T10:00:00.000Z\" version=\"1\"/>");
  }
  return xml + "</studySearchResults>";
}

std::string FakeMint::MetadataResponse(const State& state, const std::string& uuid) {
  for (const std::string& study : Distinct(state.instances, tag::kStudyInstanceUID)) {
    if (UuidOf(study) == uuid) {
      return Metadata(With(state.instances, tag::kStudyInstanceUID, study), state.habits.old_capitals);
    }
  }
  return "";
}

}  // namespace trolley
