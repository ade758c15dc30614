#include "tree/views/patients_view.h"

#include <map>
#include <utility>

#include "base/text.h"
#include "search/level_queries.h"
#include "tree/directories.h"
#include "trolley/error.h"

namespace trolley {
namespace {

// The studies of one patient; nullopt for an ID that no key can express. Where the ID has characters that mean
// something in matching, the result holds more: see BelongsToPatient.
std::optional<Query> PatientQuery(const std::string& patient_id) {
  // A PatientID has one value; with "\" in it, matching sees several.
  std::string pattern(patient_id.substr(0, patient_id.find('\\')));
  for (char& c : pattern) {
    // No key can contain these; "?" stands for any character.
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      c = '?';
    }
  }
  // A pattern of wildcards only would match everything.
  if (pattern.find_first_not_of("*?") == std::string::npos) {
    return std::nullopt;
  }
  try {
    Query query(Level::kStudy);
    query.Where(tag::kPatientID, pattern);
    IncludeStudyAttributes(query);
    return query;
  } catch (const Error&) {
    return std::nullopt;
  }
}

// The trimmed PatientID; may be empty.
std::string_view PatientIdOf(const Study& study) {
  return Trim(study.attributes.Get(tag::kPatientID));
}

// Whether a row of the result of `query` (absent: of the browse query) is this patient's.
bool BelongsToPatient(const Study& study, const std::string& patient_id, const std::optional<Query>& query) {
  // A server may leave a key out of its response when the query had exactly one value for it.
  const bool not_returned = !study.attributes.Has(tag::kPatientID);
  if (not_returned && query) {
    return query->Get(tag::kPatientID).find_first_of("*?") == std::string_view::npos;
  }
  return PatientIdOf(study) == patient_id;
}

DirectoryPtr MakePatient(const DirectoryPtr& parent, std::string_view name, std::string patient_id, const View& view) {
  Directory directory = ChildOf(parent, name, view);
  directory.query = PatientQuery(patient_id);
  directory.patient_id = std::move(patient_id);
  return std::make_shared<const Directory>(std::move(directory));
}

// The patients of a list of studies; a patient's row is that of the first study.
class PatientRows : public Rows {
 public:
  PatientRows(SearchResult result, NameStyle style, const View& view)
      : Rows(std::move(result)), style_(style), view_(view) {}

  NamedRows Name() const override {
    // Archives spell one patient's name differently from study to study; the choice must not depend on their order.
    struct Patient {
      uint32_t row;
      std::string_view name;
    };
    std::map<std::string_view, Patient> patients;
    for (uint32_t row = 0; row < result()->size(); ++row) {
      const std::string_view name = (*result())[row].attributes.Get(tag::kPatientName);
      const auto [at, is_new] = patients.try_emplace(IdOf(row), Patient{row, name});
      if (!name.empty() && (at->second.name.empty() || name < at->second.name)) {
        at->second.name = name;
      }
    }
    std::vector<uint32_t> rows;
    rows.reserve(patients.size());
    for (const auto& [id, patient] : patients) {
      rows.push_back(patient.row);
    }
    return NameRows(rows, [&](uint32_t row, Suffix suffix) {
      return PatientDirectoryName(IdOf(row), patients.find(IdOf(row))->second.name, style_, suffix);
    });
  }
  const Uid* uid(uint32_t) const override { return nullptr; }
  std::optional<std::string_view> patient_id(uint32_t row) const override { return IdOf(row); }
  Node MakeNode(const DirectoryPtr& directory, uint32_t row, std::string_view name) const override {
    return {MakePatient(directory, name, std::string(IdOf(row)), view_), std::nullopt};
  }

 private:
  std::string_view IdOf(uint32_t row) const { return PatientIdOf((*result())[row]); }

  const NameStyle style_;
  const View& view_;
};

// patients/<patient>/
class PatientView : public StudiesListView {
 public:
  using StudiesListView::StudiesListView;

 protected:
  Query ListingQuery(const Directory& directory) const override {
    // A patient whose ID no key can express is among those that the browse query finds.
    return directory.query ? *directory.query : parts().Browse();
  }
  std::optional<Query> QueryForUid(const Directory& directory, const Uid& uid) const override {
    if (directory.query) {
      return NarrowToStudy(*directory.query, uid);
    }
    Query query(Level::kStudy);
    IncludeStudyAttributes(query);
    return NarrowToStudy(std::move(query), uid);
  }
  StudyRows::Filter FilterFor(const Directory& directory) const override {
    return [id = directory.patient_id, query = directory.query](const Study& study) {
      return BelongsToPatient(study, id, query);
    };
  }
};

// patients/
class PatientsView : public QueryView {
 public:
  explicit PatientsView(const ViewParts& parts) : QueryView(parts.options.names), parts_(parts), patient_view_(parts) {}

  std::unique_ptr<const Rows> MakeRows(const Directory&, SearchResult result) const override {
    return std::make_unique<PatientRows>(std::move(result), style(), patient_view_);
  }

 protected:
  Query ListingQuery(const Directory&) const override { return parts_.Browse(); }
  std::optional<Query> QueryForUid(const Directory&, const Uid&) const override { return std::nullopt; }
  LookupStep LookupUnlisted(const DirectoryPtr& directory, std::string_view name,
                            const TablePtr& known) const override {
    if (MayBeDirectoryName(name, NameStyle::kReadable)) {
      return PlanListing(directory, name);
    }
    const auto decoded = PercentDecode(name);
    const std::string id(decoded ? Trim(*decoded) : std::string_view());
    if (id.empty()) {
      return std::nullopt;
    }
    if (known != nullptr) {
      if (const auto index = known->IndexOfPatient(id)) {
        return known->MakeNode(directory, *index, name);
      }
    }
    const DirectoryPtr patient = MakePatient(directory, name, id, patient_view_);
    if (!patient->query) {
      return std::nullopt;
    }
    return LookupPlan{*patient->query, patient, true, [patient](const Table& studies) {
                        return studies.size() == 0 ? std::nullopt : std::optional(Node{patient, std::nullopt});
                      }};
  }

 private:
  const ViewParts parts_;
  const PatientView patient_view_;
};

}  // namespace

TopLevelView MakePatientsView(const ViewParts& parts) {
  return {"patients", std::make_unique<PatientsView>(parts), parts.Browse()};
}

}  // namespace trolley
