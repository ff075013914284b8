// Mux's player, for the page of one video at /watch/{id}.
import "@mux/mux-player";
