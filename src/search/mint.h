#ifndef TROLLEY_SEARCH_MINT_H_
#define TROLLEY_SEARCH_MINT_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "net/http.h"
#include "search/searcher.h"

namespace trolley {

enum class MintDialect {
  kVitrea,     // Vitrea Connection: DICOM keywords, QueryLevel, IncludeFields; answers with attributes
  kReference,  // the MINT project's server: a few parameters, answers with studies' UUIDs; metadata give the rest
};

struct MintOptions {
  std::string url = {};  // what "/studies" is appended to, with or without trailing "/"
  MintDialect dialect = MintDialect::kVitrea;
  // What a range of StudyDate is sent as (YYYYMMDD). A server ignores names that it does not know, and then answers
  // with studies of any date: those are left out here. An older client sent min_study_date and max_study_date.
  std::string min_date_parameter = "minStudyDate";
  std::string max_date_parameter = "maxStudyDate";
  std::string study_type = "DICOM";                // reference dialect: the {type} of /studies/{uuid}/{type}/metadata
  uint32_t page_size = 500;                        // reference dialect: studies asked for at a time
  uint32_t max_rows = 1000000;                     // more: kTooMany
  std::chrono::milliseconds query_timeout{60000};  // for one Find
};

// Medical Imaging Network Transport: GET {url}/studies, answered in XML. Terms that the dialect cannot express are
// kUnsupported.
std::unique_ptr<Searcher> MakeMintSearcher(MintOptions options, std::shared_ptr<HttpClient> http);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_MINT_H_
