#ifndef TROLLEY_DIMSE_ASSOCIATION_POOL_H_
#define TROLLEY_DIMSE_ASSOCIATION_POOL_H_

#include <functional>
#include <memory>

#include "dimse/association.h"
#include "trolley/context.h"
#include "trolley/dicom_peer.h"

namespace trolley {

// A loan of an association. It goes back to be used again after Keep(); otherwise it is aborted.
class AssociationLease {
 public:
  ~AssociationLease();
  AssociationLease(AssociationLease&& other) noexcept;
  AssociationLease& operator=(AssociationLease&&) = delete;

  Association* operator->() const { return association_.get(); }
  Association& operator*() const { return *association_; }
  // The conversation is over in order: the final response was received.
  void Keep() { keep_ = true; }

 private:
  friend class AssociationPool;
  struct Shared;
  AssociationLease(std::shared_ptr<Shared> shared, std::unique_ptr<Association> association, bool fresh);
  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Association> association_;
  bool fresh_;
  bool keep_ = false;
};

// The associations with one peer: at most max_associations, idle ones kept for idle_time. Thread-safe.
class AssociationPool {
 public:
  explicit AssociationPool(DicomPeer peer);
  ~AssociationPool();
  AssociationPool(const AssociationPool&) = delete;
  AssociationPool& operator=(const AssociationPool&) = delete;

  const DicomPeer& peer() const;
  // The shortest that was measured when an association was opened; zero before the first.
  Clock::duration round_trip() const;

  // An idle association whose request had all that is wanted, or a new one; waits while all are in use: queries go
  // before requests on which the peer would send instances, and an idle association for queries makes room for one
  // of the latter. A transient rejection (local limit exceeded, temporary congestion) is tried again, more and more
  // slowly, for congestion_time; then kUnavailable. Otherwise Errors as from Association::Open.
  AssociationLease Lease(const AssociationRequest& request, const Context& context);

  // Leases one, lets `ask` send a request on it and waits for the first byte of the response. A kept association that
  // turns out to be closed by the peer meanwhile is replaced, once, by a fresh one: `ask` is then called again. When
  // the context ends before the response begins, `give_up` can still say so to the peer.
  AssociationLease Ask(const AssociationRequest& request, const std::function<void(Association&)>& ask,
                       const Context& context, const std::function<void(Association&)>& give_up = {});

 private:
  AssociationLease LeaseOne(const AssociationRequest& request, const Context& context, bool fresh);

  const std::shared_ptr<AssociationLease::Shared> shared_;
};

// C-ECHO: whether the peer responds at all, for `trolleyfs check`. Throws as the above, kProtocol for a failure status.
void Echo(AssociationPool& pool, const Context& context);

}  // namespace trolley

#endif  // TROLLEY_DIMSE_ASSOCIATION_POOL_H_
