// The walk of one C-FIND query down the information model. Runs on the thread that called Searcher::Find, one request
// after the other.
#include "search/c_find/c_find_walk.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "dicom/matching.h"
#include "search/assemble.h"
#include "search/c_find/c_find_levels.h"
#include "trolley/error.h"
#include "trolley/uid.h"

namespace trolley {
namespace {

// One query.
class Walk {
 public:
  Walk(const CFindOptions& options, CFindClient& client, PatientsOfStudies& patients, const Query& query,
       const Context& context)
      : options_(options), client_(client), patients_(patients), query_(query), context_(context) {
    if (query.limit()) {
      wanted_ = uint64_t{*query.limit()} + query.offset().value_or(0);
    }
  }

  std::vector<Attributes> Rows() {
    CheckLevels();
    if (query_.fuzzy() && !client_.AgreesToFuzzy(context_)) {
      throw Error(ErrorCode::kUnsupported,
                  StrCat("Cannot find ", query_.Describe(), ": the archive does not match names fuzzily"));
    }
    if (wanted_ != 0) {
      const bool relational = options_.relational && client_.AgreesToRelational(context_);
      if (relational) {
        Relational();
      } else if (options_.patient_root) {
        WalkPatients();
      } else {
        WalkStudies({});
      }
    }
    const uint64_t first = std::min<uint64_t>(query_.offset().value_or(0), rows_.size());
    rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(first));
    if (query_.limit() && rows_.size() > *query_.limit()) {
      rows_.resize(*query_.limit());
    }
    return std::move(rows_);
  }

 private:
  using Parents = std::vector<std::pair<Tag, std::string>>;

  CFindStep StepFor(Tag tag) const {
    return options_.patient_root && IsPatientAttribute(tag) ? CFindStep::kPatient : StepOf(LevelOf(tag));
  }

  void CheckLevels() const {
    for (const auto& [tag, value] : query_.keys()) {
      if (!IsUniversal(value) && StepFor(tag) > StepOf(query_.level())) {
        throw Error(ErrorCode::kUnsupported,
                    StrCat("Cannot search by ", TagName(tag), " at level ", LevelName(query_.level()),
                           ": it belongs to a lower level; ask for that level",
                           tag == tag::kModality ? " or use ModalitiesInStudy" : ""));
      }
    }
  }

  // --- Requests ---

  CFindRequest MakeRequest(CFindStep step, const Parents& parents) const {
    CFindRequest request{StepName(step), UniqueKey(step), Query(query_.level()), {}};
    request.keys.SetFuzzy(query_.fuzzy());
    AddStep(step, request);
    AddParents(parents, request);
    return request;
  }

  // Their values come from the archive.
  static void AddParents(const Parents& parents, CFindRequest& request) {
    for (const auto& [tag, value] : parents) {
      try {
        request.keys.Where(tag, value);
      } catch (const Error&) {
        throw Error(ErrorCode::kProtocol, StrCat("Cannot read the response of the archive: a row has ",
                                                 value.empty() ? "no " : "an invalid ", TagName(tag)));
      }
      if (tag == tag::kPatientID) {
        request.parent = tag;
      }
    }
  }

  void AddStep(CFindStep step, CFindRequest& request) const {
    const auto return_tags = [&](const auto& tags) {
      request.returned.insert(request.returned.end(), tags.begin(), tags.end());
    };
    if (step == CFindStep::kPatient || (step == CFindStep::kStudy && !options_.patient_root)) {
      return_tags(kOfPatients);
    }
    if (step == CFindStep::kStudy) {
      return_tags(kOfStudies);
    } else if (step == CFindStep::kSeries) {
      return_tags(kOfSeries);
    } else if (step == CFindStep::kImage) {
      return_tags(kOfInstances);
    }
    for (const auto& [tag, value] : query_.keys()) {
      if (StepFor(tag) == step) {
        request.keys.Where(tag, value);
      }
    }
    for (const Tag tag : query_.include_fields()) {
      if (StepFor(tag) == step && VrOf(tag) != "UN") {
        request.returned.push_back(tag);
      }
    }
  }

  bool IsLast(CFindStep step) const { return step == StepOf(query_.level()); }
  bool HaveEnough() const { return wanted_ && rows_.size() >= *wanted_; }
  std::optional<uint64_t> StillWanted() const {
    return wanted_ ? std::optional(*wanted_ - rows_.size()) : std::nullopt;
  }

  void Add(Attributes row) {
    if (rows_.size() >= options_.max_rows) {
      throw Error(ErrorCode::kTooMany, StrCat("Cannot find ", query_.Describe(), ": more than ", options_.max_rows,
                                              " results; narrow the search"));
    }
    rows_.push_back(std::move(row));
  }

  // The one UID that the query names for `step`, when it wants nothing else of that step: no request is needed.
  std::optional<std::string> Given(CFindStep step) const {
    const std::optional<Uid> uid = Uid::Parse(query_.Get(UniqueKey(step)));
    const bool more_keys = std::any_of(query_.keys().begin(), query_.keys().end(), [&](const auto& key) {
      return StepFor(key.first) == step && key.first != UniqueKey(step);
    });
    const bool fields = std::any_of(query_.include_fields().begin(), query_.include_fields().end(),
                                    [&](Tag tag) { return StepFor(tag) == step && tag != UniqueKey(step); });
    return uid && !more_keys && !fields && !IsLast(step) ? std::optional(uid->str()) : std::nullopt;
  }

  // --- Relational ---

  void Relational() {
    const CFindStep last = StepOf(query_.level());
    CFindRequest request{StepName(last), UniqueKey(last), Query(query_.level()), {}};
    request.keys.SetFuzzy(query_.fuzzy());
    for (const CFindStep step : {CFindStep::kPatient, CFindStep::kStudy, CFindStep::kSeries, CFindStep::kImage}) {
      if (step <= last && (step != CFindStep::kPatient || options_.patient_root)) {
        AddStep(step, request);
      }
    }
    request.enough = StillWanted();
    for (Attributes& row : client_.Send(request, context_)) {
      Add(std::move(row));
    }
  }

  // --- PATIENT ---

  void WalkPatients() {
    if (const std::optional<std::string> study = Given(CFindStep::kStudy)) {
      const bool about_patient =
          std::any_of(query_.keys().begin(), query_.keys().end(),
                      [&](const auto& key) { return StepFor(key.first) == CFindStep::kPatient; }) ||
          std::any_of(query_.include_fields().begin(), query_.include_fields().end(),
                      [&](Tag tag) { return StepFor(tag) == CFindStep::kPatient; });
      if (const auto patient = patients_.Find(*study); patient && !about_patient) {
        WalkStudies(PatientParents(*patient));
        return;
      }
    }
    for (const Attributes& patient : client_.Send(MakeRequest(CFindStep::kPatient, {}), context_)) {
      if (HaveEnough()) {
        return;
      }
      const size_t before = rows_.size();
      WalkStudies(PatientParents(patient.Get(tag::kPatientID)), &patient);
      std::set<std::string> named;
      for (size_t i = before; i < rows_.size(); ++i) {
        const std::string study(rows_[i].Get(tag::kStudyInstanceUID));
        if (named.insert(study).second) {  // once for each study
          rows_[i].MergeMissing(patient);
        }
      }
    }
  }

  // A patient without an ID cannot be named: its studies are found among all studies.
  static Parents PatientParents(std::string_view id) {
    return id.empty() ? Parents{} : Parents{{tag::kPatientID, std::string(id)}};
  }

  // --- STUDY ---

  void WalkStudies(const Parents& patient, const Attributes* patient_row = nullptr) {
    const bool without_id = patient_row != nullptr && patient.empty();
    if (const std::optional<std::string> given = Given(CFindStep::kStudy); given && !without_id) {
      WalkSeries(patient, *given, nullptr);
      return;
    }
    for (Attributes& study : Studies(patient, without_id ? patient_row : nullptr)) {
      if (HaveEnough()) {
        return;
      }
      const std::string uid(study.Get(tag::kStudyInstanceUID));
      if (without_id && !IsOf(*patient_row, study)) {
        continue;
      }
      // The archive may have treated the ID as a pattern.
      if (patient_row != nullptr && study.Get(tag::kPatientID) != patient_row->Get(tag::kPatientID)) {
        continue;
      }
      if (options_.patient_root) {
        patients_.Remember(uid, study.Get(tag::kPatientID));
      }
      if (IsLast(CFindStep::kStudy)) {
        Add(std::move(study));
      } else {
        WalkSeries(patient, uid, &study);
      }
    }
  }

  static constexpr std::array kKeysWithoutPatientId = {tag::kPatientName, tag::kPatientBirthDate};

  // Whether `study` belongs to a patient without an ID, whom only these attributes distinguish from others.
  bool IsOf(const Attributes& patient, const Attributes& study) const {
    for (const Tag tag : {tag::kPatientID, tag::kPatientName}) {
      if (!study.Has(tag)) {
        throw Error(ErrorCode::kUnsupported,
                    StrCat("Cannot find ", query_.Describe(), ": the archive has patients without PatientID and does ",
                           "not return ", TagName(tag), " with their studies"));
      }
    }
    return std::all_of(kKeysWithoutPatientId.begin(), kKeysWithoutPatientId.end(),
                       [&](Tag tag) { return study.Get(tag) == patient.Get(tag); });
  }

  static void RequestStudiesOf(const Attributes& patient, CFindRequest& request) {
    for (const Tag tag : kKeysWithoutPatientId) {
      request.returned.push_back(tag);
      const std::string value(patient.Get(tag));
      if (value.empty() || value.find_first_of("*?\\") != std::string::npos) {
        continue;
      }
      try {
        request.keys.Where(tag, value);
      } catch (const Error&) {  // not a valid key: it is only compared with the response
      }
    }
  }

  std::vector<Attributes> Studies(const Parents& patient, const Attributes* without_id) {
    CFindRequest request = MakeRequest(CFindStep::kStudy, patient);
    if (without_id != nullptr) {
      RequestStudiesOf(*without_id, request);
    }
    if (!patient.empty() || options_.patient_root) {
      request.returned.push_back(tag::kPatientID);
    }
    const std::string modalities(query_.Get(tag::kModalitiesInStudy));
    const bool by_modalities = !modalities.empty() && !IsUniversal(modalities);
    if (by_modalities) {
      request.unchecked = tag::kModalitiesInStudy;
    } else if (IsLast(CFindStep::kStudy) && !options_.patient_root) {
      request.enough = StillWanted();
    }
    std::vector<Attributes> studies = client_.Send(request, context_);
    if (by_modalities) {
      KeepThoseWith(modalities, patient, studies);
    }
    return studies;
  }

  // Some archives neither match ModalitiesInStudy nor return it: then it is taken from the series.
  void KeepThoseWith(const std::string& wanted, const Parents& patient, std::vector<Attributes>& studies) {
    std::vector<Attributes> kept;
    for (Attributes& study : studies) {
      if (IsLast(CFindStep::kStudy) && wanted_ && kept.size() >= *wanted_) {
        break;
      }
      if (study.Get(tag::kModalitiesInStudy).empty()) {
        study.Set(tag::kModalitiesInStudy, ModalitiesOf(study.Get(tag::kStudyInstanceUID), patient));
        if (!MatchesValue(tag::kModalitiesInStudy, wanted, study.Get(tag::kModalitiesInStudy))) {
          continue;
        }
      }
      kept.push_back(std::move(study));
    }
    studies = std::move(kept);
  }

  std::string ModalitiesOf(std::string_view study, const Parents& patient) {
    CFindRequest request{StepName(CFindStep::kSeries),
                         tag::kSeriesInstanceUID,
                         Query(Level::kSeries),
                         {tag::kModality, tag::kSeriesInstanceUID}};
    Parents parents = patient;
    parents.emplace_back(tag::kStudyInstanceUID, study);
    AddParents(parents, request);
    std::set<std::string> modalities;
    for (const Attributes& series : client_.Send(request, context_)) {
      modalities.emplace(series.Get(tag::kModality));
    }
    return Join({modalities.begin(), modalities.end()}, "\\");
  }

  // --- SERIES and IMAGE ---

  void WalkSeries(Parents parents, const std::string& study_uid, const Attributes* study) {
    parents.emplace_back(tag::kStudyInstanceUID, study_uid);
    const size_t before = rows_.size();
    if (const std::optional<std::string> given = Given(CFindStep::kSeries)) {
      WalkImages(parents, *given, nullptr);
    } else {
      CFindRequest request = MakeRequest(CFindStep::kSeries, parents);
      if (IsLast(CFindStep::kSeries)) {
        request.enough = StillWanted();
      }
      for (Attributes& series : client_.Send(request, context_)) {
        if (HaveEnough()) {
          break;
        }
        series.Set(tag::kStudyInstanceUID, study_uid);
        if (IsLast(CFindStep::kSeries)) {
          Add(std::move(series));
        } else {
          WalkImages(parents, std::string(series.Get(tag::kSeriesInstanceUID)), &series);
        }
      }
    }
    if (study != nullptr && rows_.size() > before) {
      rows_[before].MergeMissing(*study);  // a study's own attributes, once
    }
  }

  void WalkImages(Parents parents, const std::string& series_uid, const Attributes* series) {
    parents.emplace_back(tag::kSeriesInstanceUID, series_uid);
    CFindRequest request = MakeRequest(CFindStep::kImage, parents);
    request.enough = StillWanted();
    const size_t before = rows_.size();
    for (Attributes& image : client_.Send(request, context_)) {
      for (const auto& [tag, value] : parents) {
        if (tag != tag::kPatientID) {
          image.Set(tag, value);
        }
      }
      Add(std::move(image));
    }
    if (series != nullptr && rows_.size() > before) {
      rows_[before].MergeMissing(*series);
    }
  }

  const CFindOptions& options_;
  CFindClient& client_;
  PatientsOfStudies& patients_;
  const Query& query_;
  const Context& context_;
  std::optional<uint64_t> wanted_;  // rows, those before the offset included
  std::vector<Attributes> rows_;
};

}  // namespace

std::vector<Attributes> WalkCFind(const CFindOptions& options, CFindClient& client, PatientsOfStudies& patients,
                                  const Query& query, const Context& context) {
  return Walk(options, client, patients, query, context).Rows();
}

}  // namespace trolley
