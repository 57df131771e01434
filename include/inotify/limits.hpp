// The kernel's limits on inotify, and how much of them this process uses.
#pragma once

#include <cstddef>
#include <optional>

#include <inotify/version.hpp>

namespace inotify::inline v0 {

/// The sysctl fs.inotify.max_queued_events: how many events an instance queues before it drops the
/// next ones and tells so by one IN_Q_OVERFLOW. The kernel looks at it when an instance is made; a
/// later change touches only later instances. Empty where the kernel has no inotify or /proc is not
/// mounted. Source: inotify(7), python-inotify. Thread-safe, as all functions here.
INOTIFY_API std::optional<long> max_queued_events() noexcept;

/// How many instances (Watcher, AutoWatcher, Instance) one user may have: the smaller of the
/// sysctls fs.inotify.max_user_instances and, in a user namespace, user.max_inotify_instances.
/// Empty as above.
INOTIFY_API std::optional<long> max_user_instances() noexcept;

/// How many watches one user may have, over all instances: the smaller of the sysctls
/// fs.inotify.max_user_watches and, in a user namespace, user.max_inotify_watches. Empty as above.
INOTIFY_API std::optional<long> max_user_watches() noexcept;

/// How many inotify instances this process has open, whoever made them. Other processes of the same
/// user count against the same limit and are not seen here. Reads /proc/self/fd; 0 where that
/// cannot be read.
INOTIFY_API std::size_t instances_in_use();

/// How many watches those instances hold. Reads /proc/self/fdinfo: proportional to the number of
/// watches.
INOTIFY_API std::size_t watches_in_use();

namespace detail {

/// The sysctl that binds, for messages: in a user namespace its own may be the smaller one.
struct Limit {
  const char* sysctl;
  long value;
};
std::optional<Limit> instance_limit() noexcept;
std::optional<Limit> watch_limit() noexcept;

}  // namespace detail

}  // namespace inotify::inline v0
