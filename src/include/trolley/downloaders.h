#ifndef TROLLEY_DOWNLOADERS_H_
#define TROLLEY_DOWNLOADERS_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trolley/dicom_peer.h"
#include "trolley/downloader.h"
#include "trolley/http_client.h"
#include "trolley/server_profile.h"

// The downloaders of the library, one for each protocol.
namespace trolley {

struct WadoRsOptions {
  std::string url;  // base of the DICOMweb service, with or without trailing "/"
  ServerProfile profile = ServerProfile::kGeneric;
};

// Retrieve transaction of DICOMweb, PS3.18 2024d §10.4: instances one by one; when many of a series are asked for, the
// series in one request, and what that did not bring one by one. Stored bytes are asked for (transfer-syntax=*); on 400
// or 406 the Accept header falls back to the next of a list, remembered for the server, unless the server once
// understood the first: then its refusal concerns the instance, and others would only bring other bytes.
std::unique_ptr<Downloader> MakeWadoRsDownloader(WadoRsOptions options, std::shared_ptr<HttpClient> http);

struct WadoUriOptions {
  std::string url;  // of the service, "https://pacs.example/wado"; may have a query of its own ("...?site=1")
  // UID of a transfer syntax to ask for. Empty: none is named, and most servers send what they store.
  std::string transfer_syntax = {};
};

// WADO-URI, PS3.18 2024d §9: instances one after another.
std::unique_ptr<Downloader> MakeWadoUriDownloader(WadoUriOptions options, std::shared_ptr<HttpClient> http);

struct WadoRsMetadataOptions {
  std::string url;       // base of the DICOMweb service, with or without trailing "/"
  bool use_xml = false;  // ask for application/dicom+xml; else for JSON, and for XML where the server has no JSON
};

// Instances as header-only DICOM files, written here (see WritePart10): their bytes are not those that the archive
// stores. Many of a series are fetched in one request.
std::unique_ptr<Downloader> MakeWadoRsMetadataDownloader(WadoRsMetadataOptions options,
                                                         std::shared_ptr<HttpClient> http);

struct Rad69Options {
  enum class Request { kPerSeries, kAllAtOnce };
  enum class Envelope {
    kMtom,  // multipart/related with XOP, as IHE has it
    kSoap,  // bare application/soap+xml, as Vitrea Connection takes it
  };
  std::string url = {};                            // of the Imaging Document Source
  std::string repository_uid = "1.3.6.1.4.1000";   // RepositoryUniqueId; many servers do not look at it
  std::string home_community_id = {};              // "urn:oid:1.2.3"; empty: not sent
  std::vector<std::string> errors_to_ignore = {};  // RegistryError codes that are no failure of the download
  Request request = Request::kPerSeries;
  Envelope envelope = Envelope::kMtom;
  uint32_t busy_retries = 3;                   // after XDSRepositoryBusy and the like
  std::chrono::milliseconds busy_pause{1000};  // before the first of these; doubles each time
};

// Retrieve Imaging Document Set, IHE RAD TF-2 §4.69: SOAP 1.2 request, instances as parts of a MIME multipart response,
// or embedded in its envelope.
//
// What the server says of one instance is told of that one: XDSMissingDocument as OnMissing, any other error as
// OnFailed. An error that names no instance fails the download, unless some instances came all the same. Busy servers
// are asked again, if the deadline allows.
//
// errors_to_ignore: an error with one of these codes never makes Download throw and is not retried; the instances are
// told as OnMissing or OnFailed as above, and one warning counts them by code.
std::unique_ptr<Downloader> MakeRad69Downloader(Rad69Options options, std::shared_ptr<HttpClient> http);

struct CGetOptions {
  bool patient_root = false;       // the Patient Root information model instead of the Study Root one
  uint32_t batch = 200;            // the most instances of a series in one request
  uint32_t whole_series_from = 0;  // from this number of wanted instances on the whole series is requested, for
                                   // archives that accept no lists of UIDs; 0: never
  // Round trip from which on the link counts as high-latency: lists are split among associations. Below it, a series of
  // which most instances are wanted is requested as a whole.
  std::chrono::milliseconds high_latency{5};
};

// C-GET of DICOM, PS3.4 §C.4.3: instances come over the association that asked for them. Bit-preserving: each (storage
// class, transfer syntax) is a presentation context of its own, so that the archive has no reason to convert, and the
// data set is handed on as it arrived, behind a File Meta Information of our own (the protocol carries none). Lengths
// are not known before the end.
std::unique_ptr<Downloader> MakeCGetDownloader(CGetOptions options, std::shared_ptr<AssociationPool> pool);

struct CMoveOptions {
  std::string move_aet;            // our AE title as the archive knows it: it sends instances to the host and port that
                                   // its administrator entered for this title
  uint16_t move_port = 0;          // where we listen for them; 0 picks a free one (for tests)
  std::string bind_address = "";   // numeric; empty: all interfaces
  bool patient_root = false;       // the Patient Root information model instead of the Study Root one
  uint32_t batch = 200;            // instances of a series that one request asks for
  uint32_t whole_series_from = 0;  // as in CGetOptions
  std::chrono::milliseconds late{
      5000};  // how long instances may still arrive after the archive said that all were sent
};

// C-MOVE of DICOM, PS3.4 §C.4.2: the archive sends instances to us over associations that it opens itself. Listens on
// move_port as long as it lives; throws kUnavailable when the port is in use. Takes every storage class and transfer
// syntax, and hands data sets on as they arrived, behind a File Meta Information of our own (the protocol carries
// none). Lengths are not known before the end.
std::unique_ptr<Downloader> MakeCMoveDownloader(CMoveOptions options, std::shared_ptr<AssociationPool> pool);

// The file of an instance in a folder archive; nullopt when there is none (see search/folder.h,
// FolderArchive::FindFile).
using LocateFile = std::function<std::optional<std::filesystem::path>(const InstanceReference&, const Context&)>;

// Downloads by reading files; Capabilities::local_files is set. A file whose SOPInstanceUID is no longer the one asked
// for fails with kProtocol.
std::unique_ptr<Downloader> MakeFolderDownloader(LocateFile locate);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOADERS_H_
