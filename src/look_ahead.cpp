#include <inotify/detail/look_ahead.hpp>

#include <cstddef>
#include <cstring>
#include <utility>

#include <inotify/detail/event_kind.hpp>
#include <inotify/instance.hpp>

namespace inotify::inline v0::detail {

std::span<std::byte> LookAhead::room() {
  constexpr std::size_t least = 2 * Instance::max_event_size;
  if (segments_.empty() || segment_size - segments_.back().used < least) {
    if (spare_ == nullptr) spare_ = std::make_unique_for_overwrite<std::byte[]>(segment_size);
    segments_.push_back({std::move(spare_)});
  }
  Segment& last = segments_.back();
  return {last.bytes.get() + last.used, segment_size - last.used};
}

// To where there is more to walk.
bool LookAhead::enter_segment(Cursor& cursor) const noexcept {
  while (cursor.at == RawEvents::iterator()) {
    const auto i = static_cast<std::size_t>(cursor.segment - first_segment_);
    if (i >= segments_.size()) return false;
    const Segment& segment = segments_[i];
    if (cursor.walked < segment.used) {
      cursor.at =
          RawEvents({segment.bytes.get() + cursor.walked, segment.used - cursor.walked}).begin();
      cursor.walked = segment.used;
    } else if (i + 1 < segments_.size()) {
      ++cursor.segment;
      cursor.walked = 0;
    } else {
      return false;
    }
  }
  return true;
}

void LookAhead::blank(std::byte* header) noexcept {
  inotify_event event;
  std::memcpy(&event, header, sizeof event);
  event.mask = 0;
  std::memcpy(header, &event, sizeof event);
  blank_ += sizeof event + event.len;
}

// What lies before the current event.
void LookAhead::forget_passed() noexcept {
  while (has_entries() && index_->entries.front().position < reader_.position) index_->pop();
  while (first_segment_ < reader_.segment) {
    spare_ = std::move(segments_.front().bytes);
    segments_.erase(segments_.begin());
    ++first_segment_;
  }
}

// The oldest entry goes, and with it its places in the index, which are the first of their chains. No
// map becomes larger, so nothing is allocated.
void LookAhead::Index::pop() noexcept {
  const Entry& entry = entries.front();
  const auto unlink = [&](auto& chains, const auto& key, const Entry* next, const auto& next_key) {
    const auto it = chains.find(key);
    if (it == chains.end() || it->second.first != &entry) return;
    if (next == nullptr) {
      chains.erase(it);
      return;
    }
    auto chain = chains.extract(it);  // the key may point into a segment that goes
    chain.mapped().first = next;
    chain.key() = next_key(*next);
    chains.insert(std::move(chain));
  };
  const auto key_of = [](const Entry& one) { return Key{one.raw.wd, one.raw.name}; };
  unlink(by_name, key_of(entry), entry.next_of_name, key_of);
  unlink(by_wd, entry.raw.wd, entry.next_of_wd, [](const Entry& one) { return one.raw.wd; });
  if (const auto it = arrivals.find(entry.raw.cookie); it != arrivals.end() && it->second == &entry)
    arrivals.erase(it);
  if ((entry.raw.mask & IN_MOVED_FROM) != 0) --departures;
  entries.pop_front();
}

void LookAhead::Index::clear() noexcept {
  by_name.clear();
  by_wd.clear();
  arrivals.clear();
  entries.clear();
  departures = 0;
}

// Nothing is left, so the memory can be used from its beginning.
void LookAhead::rewind() noexcept {
  // To be cleared costs as much as it has ever held.
  constexpr std::size_t many = 16'384;
  if (index_ != nullptr && index_->by_name.bucket_count() > many) index_.reset();
  if (has_entries()) index_->clear();
  blank_ = 0;
  if (segments_.size() > 1) segments_.erase(segments_.begin() + 1, segments_.end());
  if (!segments_.empty()) segments_.front().used = 0;
  reader_ = {{}, 0, first_segment_, received_};
  indexer_ = reader_;
}

void LookAhead::clear() noexcept { rewind(); }

void LookAhead::give_back() noexcept {
  rewind();
  std::vector<Segment>().swap(segments_);
  spare_.reset();
  index_.reset();
}

void LookAhead::swap(LookAhead& other) noexcept {
  std::swap(segments_, other.segments_);
  std::swap(first_segment_, other.first_segment_);
  std::swap(spare_, other.spare_);
  std::swap(reader_, other.reader_);
  std::swap(received_, other.received_);
  std::swap(blank_, other.blank_);
  std::swap(indexer_, other.indexer_);
  std::swap(index_, other.index_);
}

// Brings the index up to the last event. A part of it would answer wrongly.
const LookAhead::Index& LookAhead::index() {
  try {
    bring_up();
  } catch (...) {
    index_.reset();
    indexer_ = {};
    throw;
  }
  return *index_;
}

void LookAhead::bring_up() {
  if (index_ == nullptr) {
    index_ = std::make_unique<Index>();
    indexer_ = reader_;
    if (reader_.at != RawEvents::iterator()) enter(indexer_);
  }
  if (indexer_.position < reader_.position) {
    indexer_ = reader_;
    enter(indexer_);
  }
  while (advance(indexer_)) enter(indexer_);
}

void LookAhead::enter(const Cursor& cursor) {
  const RawEvent& raw = *cursor.at;
  const bool is_name_event = (raw.mask & name_bits) != 0 && !raw.name.empty();
  if (is_name_event || (raw.mask & IN_MOVE_SELF) != 0)
    index_->enter(raw, cursor.position, mine(cursor.at));
}

void LookAhead::Index::enter(const RawEvent& raw, std::uint64_t position, std::byte* header) {
  Entry& entry = entries.emplace_back(Entry{raw, position, header});
  const auto [named, is_first_of_name] =
      by_name.try_emplace({raw.wd, raw.name}, Chain{&entry, &entry});
  if (!is_first_of_name) {
    named->second.last->next_of_name = &entry;
    named->second.last = &entry;
  }
  if (raw.name.empty()) return;  // MOVE_SELF
  const auto [watched, is_first_of_wd] = by_wd.try_emplace(raw.wd, Chain{&entry, &entry});
  if (!is_first_of_wd) {
    watched->second.last->next_of_wd = &entry;
    watched->second.last = &entry;
  }
  if ((raw.mask & IN_MOVED_TO) != 0) arrivals[raw.cookie] = &entry;
  if ((raw.mask & IN_MOVED_FROM) != 0) ++departures;
}

// ---- questions

const LookAhead::Entry* LookAhead::first_of_name(int wd, std::string_view name) {
  const auto& by_name = index().by_name;
  const auto it = by_name.find({wd, name});
  return it == by_name.end() ? nullptr : it->second.first;
}

bool LookAhead::is_touched(int wd, std::string_view name) {
  const Entry* entry = first_of_name(wd, name);
  while (entry != nullptr && !is_to_come(*entry)) entry = entry->next_of_name;
  return entry != nullptr;
}

bool LookAhead::leaves(int wd, std::string_view name) {
  if (!has_departures() || !index().by_wd.contains(wd)) return false;
  const Entry* entry = departure(wd, name, nullptr);
  if (entry != nullptr && entry->position == reader_.position) entry = departure(wd, name, entry);
  return entry != nullptr;
}

const LookAhead::Entry* LookAhead::departure(int wd, std::string_view name, const Entry* entry) {
  const Entry* found = first_of_name(wd, name);
  // Not from the first again: of a name that is renamed over and over that would be quadratic.
  if (entry != nullptr) found = entry->next_of_name;
  // What next_alike() has passed may still be in the index.
  const std::uint64_t passed = reader_.position == 0 ? 0 : reader_.position - 1;
  while (found != nullptr &&
         (found->taken || found->position <= passed || (found->raw.mask & IN_MOVED_FROM) == 0)) {
    found = found->next_of_name;
  }
  return found;
}

const LookAhead::Entry* LookAhead::arrival(std::uint32_t cookie) {
  const auto& arrivals = index().arrivals;
  const auto it = arrivals.find(cookie);
  return it != arrivals.end() && is_to_come(*it->second) ? it->second : nullptr;
}

const LookAhead::Entry& LookAhead::current() { return index().entries.front(); }

const LookAhead::Entry* LookAhead::following(const Entry& entry, int wd) {
  const auto& by_wd = index().by_wd;
  const Entry* next = nullptr;
  if (entry.raw.wd == wd) {
    next = entry.next_of_wd;
  } else if (const auto it = by_wd.find(wd); it != by_wd.end()) {
    next = it->second.first;
  }
  while (next != nullptr && (!is_to_come(*next) || next->position < entry.position))
    next = next->next_of_wd;
  return next;
}

bool LookAhead::moves_self(int wd, const Entry& entry, const Entry* end) {
  const Entry* self = first_of_name(wd, {});
  while (self != nullptr && self->position < entry.position) self = self->next_of_name;
  return self != nullptr && (end == nullptr || self->position < end->position);
}

void LookAhead::take(const Entry& entry) {
  mine(entry).taken = true;
  blank(entry.header);
}

}  // namespace inotify::inline v0::detail
