#ifndef TROLLEY_SEARCH_QIDO_QIDO_RS_H_
#define TROLLEY_SEARCH_QIDO_QIDO_RS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "http/http_client.h"
#include "http/server_profile.h"
#include "search/searcher.h"

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

}  // namespace trolley

#endif  // TROLLEY_SEARCH_QIDO_QIDO_RS_H_
