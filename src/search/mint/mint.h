#ifndef TROLLEY_SEARCH_MINT_MINT_H_
#define TROLLEY_SEARCH_MINT_MINT_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "http/http_client.h"
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
  std::string study_type = "DICOM";  // reference dialect: the {type} of /studies/{uuid}/{type}/metadata
  uint32_t page_size = 500;          // reference dialect: studies asked for at a time
  // Reference dialect: it searches by UID, accession number, patient and date only. For anything else each study's
  // metadata are looked at; kTooMany beyond so many.
  uint32_t max_scanned_studies = 2000;
  uint32_t max_rows = 1000000;                     // more: kTooMany
  std::chrono::milliseconds query_timeout{60000};  // for one Find
};

// Medical Imaging Network Transport: GET {url}/studies, answered in XML. Terms that the dialect cannot express are
// kUnsupported, so are fields to include that Vitrea does not return at the query's level.
//
// Vitrea: one request without a limit unless the query has one; a limit that the server says it applied of itself is
// asked around, else kTooMany. The reference server gives 50 studies unless told otherwise, without attributes: it is
// asked for pages until one brings nothing new, and for the metadata of each study, which are remembered (by UUID and
// version) as far as a list of studies needs them.
std::unique_ptr<Searcher> MakeMintSearcher(MintOptions options, std::shared_ptr<HttpClient> http);

}  // namespace trolley

#endif  // TROLLEY_SEARCH_MINT_MINT_H_
