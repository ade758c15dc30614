#ifndef TROLLEY_SEARCHERS_H_
#define TROLLEY_SEARCHERS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "trolley/dicom_peer.h"
#include "trolley/http_client.h"
#include "trolley/searcher.h"
#include "trolley/server_profile.h"

// The searchers of the library, one for each protocol; see trolley/folder_archive.h for that of a folder.
namespace trolley {

struct QidoRsOptions {
  std::string url;              // base of the DICOMweb service, with or without trailing "/"
  uint32_t page_size = 5000;    // rows in one request, when the server does not give all in one response
  uint32_t max_rows = 1000000;  // more: kTooMany
  std::chrono::milliseconds query_timeout{60000};  // for one Find
  ServerProfile profile = ServerProfile::kGeneric;
};

// Search transaction of DICOMweb, PS3.18 2024d §10.6: hierarchical URLs where the parents' UIDs are known, else
// relational.
//
// The first request sets no limit, so that most queries are one request. Pages (limit, offset) are then requested until
// one brings no new UID, unless the result is known to be complete: it has as many rows as the parent's
// NumberOf...Related... says, or fewer than the server once gave in one response when there was nothing more. This
// detects any server's limit, even one without a warning, for one more small request for each new longest result. A
// result that stays cropped is kTooMany.
//
// A probe (`limit=%31`) shows whether the server percent-decodes query strings, when a value needs encoding; if not,
// wildcards are sent and the rows are filtered here. ModalitiesInStudy and other attributes that an archive computes
// for a study are searched at the study level even when the query is for series or instances, because servers respond
// to such a relational query wrongly (Orthanc: with nothing). When a server searches series and instances only where
// their parents are named, the parents are searched first, if there are not too many of them.
std::unique_ptr<Searcher> MakeQidoRsSearcher(QidoRsOptions options, std::shared_ptr<HttpClient> http);

enum class MintDialect {
  kVitrea,     // Vitrea Connection: DICOM keywords, QueryLevel, IncludeFields; responds with attributes
  kReference,  // the MINT project's server: a few parameters, responds with studies' UUIDs; metadata give the rest
};

struct MintOptions {
  std::string url = {};  // what "/studies" is appended to, with or without trailing "/"
  MintDialect dialect = MintDialect::kVitrea;
  // What a range of StudyDate is sent as (YYYYMMDD). A server ignores names that it does not know, and then responds
  // with studies of any date: those are left out here. An older client sent min_study_date and max_study_date.
  std::string min_date_parameter = "minStudyDate";
  std::string max_date_parameter = "maxStudyDate";
  std::string study_type = "DICOM";  // reference dialect: the {type} of /studies/{uuid}/{type}/metadata
  uint32_t page_size = 500;          // reference dialect: studies in one page
  // Reference dialect: it searches by UID, accession number, patient and date only. For anything else each study's
  // metadata are looked at; kTooMany beyond this number.
  uint32_t max_scanned_studies = 2000;
  uint32_t max_rows = 1000000;                     // more: kTooMany
  std::chrono::milliseconds query_timeout{60000};  // for one Find
};

// Medical Imaging Network Transport: GET {url}/studies, with a response in XML. Terms that the dialect cannot express
// are kUnsupported, so are fields to include that Vitrea does not return at the query's level.
//
// Vitrea: one request without a limit unless the query has one; when the server says that it applied a limit of
// its own, a higher one is requested, else kTooMany. The reference server gives 50 studies by default, without
// attributes: pages are requested until one brings nothing new, then the metadata of each study. Of these, what a list
// of studies needs is remembered by UUID and version.
std::unique_ptr<Searcher> MakeMintSearcher(MintOptions options, std::shared_ptr<HttpClient> http);

struct CFindOptions {
  bool patient_root = false;                       // the Patient Root information model: PATIENT level is walked, too
  bool relational = false;                         // one request instead of a walk, where the archive agrees to it
  uint32_t max_rows = 1000000;                     // more: kTooMany
  std::chrono::milliseconds query_timeout{60000};  // for one Find
  std::string query_charset = "ISO_IR 192";        // for values that are not ASCII; defined terms of (0008,0005)
  std::string fallback_charset = "ISO_IR 100";     // of responses with 8-bit text that name no character set
  bool star_for_empty_uids = false;                // ask for UIDs with "*", as some GE archives want it
};

// C-FIND, PS3.4 annex C: walks STUDY, SERIES, IMAGE with the parents' unique keys, each key at the level that it
// belongs to. A value of "*" alone is sent empty, which means the same and is taken by all archives.
//
// ModalitiesInStudy is compared with the series when the archive does not return it; any other key that the archive
// does not return is kUnsupported, because the archive may not have matched it. A limit ends the request with
// C-CANCEL. There is no offset in C-FIND: rows before it are received and dropped. Fuzzy matching is kUnsupported
// unless the archive agrees to it. A study's level cannot be searched by an attribute of its series: kUnsupported.
std::unique_ptr<Searcher> MakeCFindSearcher(CFindOptions options, std::shared_ptr<AssociationPool> pool);

}  // namespace trolley

#endif  // TROLLEY_SEARCHERS_H_
