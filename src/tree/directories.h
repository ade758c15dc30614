#ifndef TROLLEY_TREE_DIRECTORIES_H_
#define TROLLEY_TREE_DIRECTORIES_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "tree/tree.h"

namespace trolley {

// How questions become directories and rows of answers become nodes. Everything a listing shows depends on the row
// alone, so that an instance has the same attributes whatever path leads to it.

// What `browse` ("all" or criteria) finds.
Query BrowseQuery(const std::string& browse, std::chrono::system_clock::time_point now);
// The studies of one patient; nullopt for an ID that no key can express. Where it has characters that mean something in
// matching, the answer holds more: see BelongsToPatient.
std::optional<Query> PatientQuery(const std::string& patient_id);
// Whether a row of the answer to `question` (absent: to the browse question) is this patient's.
bool BelongsToPatient(const Study& study, const std::string& patient_id, const std::optional<Query>& question);

// The trimmed PatientID of a row; may be empty.
std::string_view PatientIdOf(const Study& study);

std::string ChildPath(const Directory& parent, std::string_view name);
// A directory answered from memory, or by a question that is not one of a row.
DirectoryPtr MakeDirectory(DirectoryKind kind, const DirectoryPtr& parent, std::string_view name,
                           std::optional<Query> query = std::nullopt);
DirectoryPtr MakePatient(const DirectoryPtr& parent, std::string_view name, std::string patient_id);
DirectoryPtr MakeStudy(const DirectoryPtr& parent, std::string_view name, const Study& study);
DirectoryPtr MakeSeries(const DirectoryPtr& parent, std::string_view name, const Study& study, const Series& series);
File MakeFile(const DirectoryPtr& series, const Instance& instance);

}  // namespace trolley

#endif  // TROLLEY_TREE_DIRECTORIES_H_
