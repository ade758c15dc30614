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
  uint32_t page_size = 5000;    // rows asked for at a time once it is known that the server does not give all at once
  uint32_t max_rows = 1000000;  // more: kTooMany
  std::chrono::milliseconds query_timeout{60000};  // for one Find
  ServerProfile profile = ServerProfile::kGeneric;
};

// Search transaction of DICOMweb, PS3.18 2024d §10.6: hierarchical URLs where the parents' UIDs are known, else
// relational.
//
// The first request sets no limit, so that most questions are one request. Whether its answer is whole is then asked
// with pages (limit, offset) until one brings no new UID, unless that is known already: the answer has as many rows as
// the parent's NumberOf...Related... told, or fewer than the server once gave at one time when there was nothing more
// to come. So any server's limit is found out, also a silent one, at the price of one more small request for each new
// longest answer. What stays cropped is kTooMany.
//
// A server that does not percent-decode query strings is found out by a probe (`limit=%31`) when a value needs
// encoding, and is then asked with wildcards and filtered here. ModalitiesInStudy and other attributes that an archive
// computes for a study are asked of studies also when series or instances are searched, because servers answer such a
// relational question wrongly (Orthanc: with nothing). A server that searches series and instances only where their
// parents are named is asked for the parents first, as far as there are not too many of them.
std::unique_ptr<Searcher> MakeQidoRsSearcher(QidoRsOptions options, std::shared_ptr<HttpClient> http);

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

struct CFindOptions {
  bool patient_root = false;                       // the Patient Root information model: PATIENT level is walked, too
  bool relational = false;                         // one question instead of a walk, where the archive agrees to it
  uint32_t max_rows = 1000000;                     // more: kTooMany
  std::chrono::milliseconds query_timeout{60000};  // for one Find
  std::string query_charset = "ISO_IR 192";        // for values that are not ASCII; defined terms of (0008,0005)
  std::string fallback_charset = "ISO_IR 100";     // of answers with 8-bit text that name no character set
  bool star_for_empty_uids = false;                // ask for UIDs with "*", as some GE archives want it
};

// C-FIND, PS3.4 annex C: walks STUDY, SERIES, IMAGE with the parents' unique keys, each key at the level that it
// belongs to. A value of "*" alone is sent empty, which means the same and is taken by all archives.
//
// ModalitiesInStudy is compared with the series when the archive does not return it; any other key that the archive
// does not return is kUnsupported, because nobody can say whether it was looked at. A limit ends the question with
// C-CANCEL. There is no offset in C-FIND: rows before it are received and dropped. Fuzzy matching is kUnsupported
// unless the archive agrees to it. A study's level cannot be searched by an attribute of its series: kUnsupported.
std::unique_ptr<Searcher> MakeCFindSearcher(CFindOptions options, std::shared_ptr<AssociationPool> pool);

}  // namespace trolley

#endif  // TROLLEY_SEARCHERS_H_
